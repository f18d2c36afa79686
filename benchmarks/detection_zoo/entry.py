"""One model of the zoo: a transformers class, a small configuration, explicit inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

B, S, V = 2, 24, 64  # samples, tokens, vocabulary

Inputs = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A model type of the transformers library, small enough to run in about a second."""

    name: str  # the model type, as in `AutoConfig`
    family: str  # text, encoder-decoder, moe, vision, audio, multimodal
    architecture: str  # class of the model
    config: Callable[[], Any]
    inputs: Callable[[], Inputs]

    def build(self) -> nn.Module:
        """The model with seeded random weights, in eval mode."""
        import transformers

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: nn.Module = getattr(transformers, self.architecture)._from_config(self.config())
        return model.eval()


def config(name: str, **options: Any) -> Callable[[], Any]:
    """A builder of `transformers.<name>(**options)`; builders among the options are called first."""

    def build() -> Any:
        import transformers

        return getattr(transformers, name)(**{key: _built(value) for key, value in options.items()})

    return build


def _built(value: Any) -> Any:
    return value() if callable(value) else value


def sizes(hidden: int = 32, layers: int = 2, heads: int = 4, **more: Any) -> dict[str, Any]:
    """The options that most configurations share."""
    shared = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads}
    return {**shared, "intermediate_size": 2 * hidden, **more}


def text_sizes(hidden: int = 32, layers: int = 2, heads: int = 4, **more: Any) -> dict[str, Any]:
    """The options that most text configurations share."""
    tokens = {"vocab_size": V, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
    return sizes(hidden, layers, heads, max_position_embeddings=128, **tokens, **more)


def ids(batch_size: int = B, seq_len: int = S, vocab_size: int = V) -> Tensor:
    """Token ids without 0 and 1, which often mean padding."""
    return torch.randint(2, vocab_size, (batch_size, seq_len), generator=torch.Generator().manual_seed(0))


def vectors(*shape: int) -> Tensor:
    """Normal random numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def text(**more: Callable[[], Tensor]) -> Callable[[], Inputs]:
    """Token ids and what else is named."""
    return lambda: {"input_ids": ids(), **{name: make() for name, make in more.items()}}


def given(**makers: Callable[[], Tensor]) -> Callable[[], Inputs]:
    """The named inputs, each made when asked for."""
    return lambda: {name: make() for name, make in makers.items()}


def images(size: int = 32) -> Callable[[], Tensor]:
    """Random images, [B, 3, size, size]."""
    return lambda: vectors(B, 3, size, size)


def entries(
    family: str, **named: tuple[str, Callable[[], Any], Callable[[], Mapping[str, Tensor]]]
) -> tuple[Entry, ...]:
    """Entries of one family: model type = (architecture, configuration, inputs)."""
    return tuple(
        Entry(name=name, family=family, architecture=architecture, config=build, inputs=make)  # type: ignore[arg-type]
        for name, (architecture, build, make) in named.items()
    )
