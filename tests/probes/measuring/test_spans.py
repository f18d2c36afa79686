"""Which modules stand for which sites, and hooks around their calls."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.measuring.spans import own_modules, watched
from tests.probes.hand_traces import Sketch, dot_product


def sites_in(*modules: tuple[str, int | None]) -> Any:
    """A trace of products: (module, index of its site or None)."""
    sketch = Sketch()
    weight = sketch.tensor(4, 4)
    ops = [sketch.op("aten.mm.default", weight, weight, module=module) for module, _ in modules]
    for number in sorted({site for _, site in modules if site is not None}):
        own = [op for op, (_, site) in zip(ops, modules, strict=True) if site == number]
        deepest = modules[own[0]][0]
        sketch.site(
            dot_product(score_ops=own[:1]),
            {"scores": own},
            id=f"site{number}",
            module=deepest,
            group=f"{number}",
        )
    return sketch.trace()


def test_a_site_owns_the_module_around_all_of_its_products() -> None:
    own = own_modules(sites_in(("h.attn.self.q", 0), ("h.attn.self", 0), ("h.attn.out", 0), ("h.mlp", None)))
    assert own.sites == {"h.attn": ("site0",)}


def test_calls_of_a_shared_module_are_told_apart_by_their_order() -> None:
    own = own_modules(sites_in(("attn", 0), ("mlp", None), ("attn", 1)))
    assert own.sites == {"attn": ("site0", "site1")}


def test_attention_written_into_a_bigger_module_has_none_of_its_own() -> None:
    own = own_modules(sites_in(("block", 0), ("block.mlp", None)))
    assert own.sites == {}
    assert own.missing == {"site0": "it has no module of its own: 'block' computes other things too"}


def test_two_attentions_side_by_side_share_their_module() -> None:
    own = own_modules(sites_in(("mix.a", 0), ("mix.b", 0), ("mix.c", 1)))
    assert "site0" in own.missing
    assert own.sites == {"mix.c": ("site1",)}


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x))


def test_hooks_see_every_call_and_are_gone_afterwards() -> None:
    model, seen = Twice(), []
    with watched(
        model, ["", "layer"], lambda name, _: name, lambda name, given, out: seen.append((name, given))
    ):
        model(torch.zeros(1, 2))
    assert seen == [("layer", "layer"), ("layer", "layer"), ("", "")]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_hooks_are_gone_when_the_model_raises() -> None:
    model = Twice()
    with (
        pytest.raises(RuntimeError),
        watched(model, ["layer"], lambda name, _: None, lambda name, given, out: None),
    ):
        model(torch.zeros(1, 3))
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
