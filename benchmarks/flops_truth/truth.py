"""What a benchmark model is and what is known about it: FLOPs derived by hand from its sizes.

Every derivation counts the multiply-adds of matrix products and convolutions that are really executed, 2
FLOPs each, attention as a dense L x S square. Softmax, norms, activations and other elementwise work are not
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

B = 2  # samples
S = 128  # tokens
D = 128  # width of the model
H = 4  # heads
V = 1000  # vocabulary
N = 2  # layers

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One model, its inputs, and the FLOPs of one forward pass."""

    name: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], Inputs]
    flops: int  # of one forward pass
    core: int  # of that: scores and values of attention, and products between them
    train: bool = False  # layers in training mode
    printed_mflop: str  # as the survey of counters printed it, one digit after the point
    needs: str = ""  # package that it needs besides torch


@dataclass(frozen=True, kw_only=True)
class BackwardVariant:
    """One model of which the backward pass is known per module."""

    name: str
    build: Callable[[], nn.Module]
    inputs: Callable[[], Inputs]
    forward: Mapping[str, int]  # module -> FLOPs of its forward pass, "" for the whole model
    backward: Mapping[str, int]  # module -> FLOPs of its backward pass, without recomputation
    recompute: Mapping[str, int] = field(
        default_factory=dict
    )  # module -> FLOPs run again during the backward pass
    loss: Callable[[Any], Tensor]
    needs: str = ""


def linear(tokens: int, in_dim: int, out_dim: int) -> int:
    """[tokens, in] x [in, out]."""
    return 2 * tokens * in_dim * out_dim


def attention_core(batch_size: int, q_len: int, kv_len: int, width: int) -> int:
    """Scores and values of all heads together, whose query width is `width`."""
    return 2 * (2 * batch_size * q_len * kv_len * width)


def generator() -> torch.Generator:
    """Random inputs that are the same in every run."""
    return torch.Generator().manual_seed(0)


def vectors(*shape: int) -> Tensor:
    """Normal random numbers."""
    return torch.randn(*shape, generator=generator())


def token_ids(batch_size: int = B, seq_len: int = S, vocab_size: int = V) -> Tensor:
    """Random token ids, [B, S]; 0 and 1 are left out because they often mean padding."""
    return torch.randint(2, vocab_size, (batch_size, seq_len), generator=generator())


def seeded(build: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A builder that always gives the same weights and leaves the global random state as it was."""

    def run() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build()

    return run


def fused(core: int) -> int:
    """Backward of a fused core: five products for the two of the forward pass."""
    return core * 5 // 2


def mean_square(outputs: Any) -> Tensor:
    """A loss without products, of the logits or of the output itself."""
    return getattr(outputs, "logits", outputs).square().mean()
