"""Models and numbers that must not hurt: empty tensors, NaN, meta weights, cycles, enormous shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import attnprobe
from attnprobe.errors import UsageError

E = 16
FAST = ("kernels", "second_count", "timing", "length_scaling")


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(E, 3 * E)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, -1)
        return torch.softmax(q @ k.mT / 4, -1) @ v


class Wrapped(nn.Module):
    """Attention and something odd after it."""

    def __init__(self, odd: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.attn = Attention()
        self.odd = odd

    def forward(self, x: Tensor) -> Any:
        return self.odd(self.attn(x))


def scan(model: nn.Module, *shape: int, **options: Any) -> attnprobe.Scan:
    return attnprobe.scan(model, torch.randn(*shape), skip_probes=FAST, **options)


@pytest.mark.parametrize("shape", [(2, 0, E), (0, 5, E)])
def test_empty_inputs_cost_nothing(shape: tuple[int, ...]) -> None:
    assert scan(Attention(), *shape).totals["flops_forward"] == 0


def test_one_token_is_enough() -> None:
    assert scan(Attention(), 1, 1, E).totals["flops_forward"] == 2 * E * 3 * E + 2 * E + 2 * E


def test_weights_that_are_not_numbers_do_not_matter_to_shapes() -> None:
    model = Attention()
    nn.init.constant_(model.qkv.weight, float("nan"))
    assert len(scan(model, 2, 5, E).sites) == 1


def test_a_model_on_meta_is_scanned_by_its_shapes() -> None:
    found = scan(Attention().to("meta"), 2, 5, E)
    assert len(found.sites) == 1
    assert any("meta device" in gap.reason for gap in found.not_measured)


def test_counts_beyond_two_to_the_63_are_exact() -> None:
    class Enormous(Attention):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.expand(10**6, 10**6, E))

    b = s = 10**6
    expected = 2 * b * s * E * 3 * E + 2 * b * s * s * E * 2
    assert expected > 2**63
    assert scan(Enormous(), 1, 1, E, static=True).totals["flops_forward"] == expected


def test_cyclic_outputs_are_cut() -> None:
    def cycle(y: Tensor) -> dict[str, Any]:
        outputs: dict[str, Any] = {"y": y}
        outputs["self"] = outputs
        return outputs

    assert len(scan(Wrapped(cycle), 2, 5, E).sites) == 1


def test_control_flow_that_depends_on_data_is_followed_on_a_real_run() -> None:
    found = scan(Wrapped(lambda y: y * 2 if y.sum() > 0 else y), 2, 5, E)
    assert len(found.sites) == 1
    assert any("real run" in note for note in found.notes)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile imports what torch deprecates
def test_a_compiled_model_is_traced_as_its_original() -> None:
    found = scan(torch.compile(Attention()), 2, 5, E)
    assert len(found.sites) == 1
    assert [spot.kind for spot in found.blind_spots] == ["compiled"]


def test_lazy_layers_are_asked_for_a_shape() -> None:
    with pytest.raises(UsageError, match="lazy layers"):
        scan(nn.Sequential(nn.LazyLinear(E), Attention()), 2, 5, 8)


def test_a_model_without_gradients_is_scanned_forward() -> None:
    class NoGradients(Attention):
        @torch.no_grad()
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    found = scan(NoGradients(), 2, 5, E)
    assert found.workload.backward is False
    assert len(found.sites) == 1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_dtype_is_scanned(dtype: torch.dtype) -> None:
    found = attnprobe.scan(Attention().to(dtype), torch.randn(2, 5, E, dtype=dtype), skip_probes=FAST)
    assert found.workload.dtype == str(dtype).removeprefix("torch.")
    assert len(found.sites) == 1
