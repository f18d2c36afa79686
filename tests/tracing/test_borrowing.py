"""The user's model is given back bit-identical, also when the forward raises."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from tracing_of import loaded

from attnprobe.borrowing import borrowed
from attnprobe.errors import ModelError
from attnprobe.tracing.tracing import trace

X = torch.randn(2, 6, 8)


class Careless(nn.Module):
    """Changes everything that a forward can change."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.codebook = nn.Parameter(torch.ones(4), requires_grad=False)
        self.cache: list[Tensor] = []
        self.seen = 0
        self.loose = [torch.ones(8, requires_grad=True)]
        self.fails = fails
        self.drop.eval()

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        self.seen += 1
        self.cache.append(x)
        self.mask = torch.ones(6, 6)
        self.codebook.data.mul_(2.0)
        noise = torch.rand(()) + random.random() + float(np.random.rand())
        x = self.drop(self.norm(x)) * self.loose[0] + noise
        if self.fails:
            raise ValueError("no")
        return self.attn(x, x, x)[0]


def state(model: Careless) -> dict[str, Any]:
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    hooks = [(m._forward_hooks, m._forward_pre_hooks, m._backward_hooks) for m in model.modules()]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    return {
        "tensors": {name: (tensor.clone(), id(tensor)) for name, tensor in tensors.items()},
        "grads": [None if p.grad is None else (p.grad.clone(), id(p.grad)) for p in model.parameters()],
        "flags": [m.training for m in model.modules()],
        "hooks": [[dict(table) for table in tables] for tables in hooks],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "plain": (list(model.cache), model.seen, hasattr(model, "mask"), model.loose[0].grad),
        "rng": (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()),
        "global": (torch.is_grad_enabled(), torch.get_default_dtype(), fast_path),
    }


def assert_same(one: Any, other: Any) -> None:
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


@pytest.mark.parametrize("is_fake", [True, False])
@pytest.mark.parametrize("train", [True, False])
def test_nothing_of_the_model_changes(is_fake: bool, train: bool) -> None:
    model = Careless()
    model.attn.in_proj_weight.grad = torch.ones_like(model.attn.in_proj_weight)
    before = state(model)
    trace(loaded(model, X, is_fake=is_fake), train=train, backward=True)
    assert_same(state(model), before)


@pytest.mark.parametrize("is_fake", [True, False])
def test_nothing_of_the_model_changes_when_its_forward_raises(is_fake: bool) -> None:
    model = Careless(fails=True)
    before = state(model)
    with pytest.raises(ModelError, match="ValueError: no"):
        trace(loaded(model, X, is_fake=is_fake), train=True, backward=True)
    assert_same(state(model), before)


def test_a_measured_run_starts_without_gradients_and_gives_them_back() -> None:
    model = Careless()
    model.attn.in_proj_weight.grad = torch.ones_like(model.attn.in_proj_weight)
    before = state(model)
    with borrowed(model, train=True):
        assert all(p.grad is None for p in model.parameters())
        model(X).sum().backward()
    assert_same(state(model), before)


def test_an_error_names_the_users_line() -> None:
    with pytest.raises(ModelError) as caught:
        trace(loaded(Careless(fails=True), X), train=False, backward=False)
    assert "test_borrowing.py:" in caught.value.location
