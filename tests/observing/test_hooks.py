"""Gradients handed out as they arrive are those that autograd gives."""

from collections.abc import Mapping

import torch
from torch import Tensor

from attnprobe.observing.hooks import Gathered, earliest, sweep


def _chain() -> tuple[list[Tensor], Tensor]:
    """Three tensors one behind the other, and a scalar of the last."""
    torch.manual_seed(0)
    first = (torch.randn(4, requires_grad=True) * 2).tanh()
    second = first.sin() + first
    third = second.exp()
    return [first, second, third], third.square().sum()


def test_only_the_first_of_a_chain_is_earliest() -> None:
    chain, _ = _chain()
    assert [any(one is kept for kept in earliest(chain)) for one in chain] == [True, False, False]


def test_the_first_of_every_branch_is_earliest() -> None:
    chain, other = _chain()[0], _chain()[0]
    assert len(earliest([*chain, *other])) == 2


def test_gradients_of_a_whole_chain_arrive_though_only_its_start_is_asked_for() -> None:
    chain, scalar = _chain()
    expected = torch.autograd.grad(scalar, chain, retain_graph=True)
    found: dict[int, Tensor] = {}

    def keep(number: int, gradients: Mapping[int, Tensor]) -> None:
        found[number] = gradients[0]

    gathered = [
        Gathered({0: one}, lambda gradients, number=number: keep(number, gradients))
        for number, one in enumerate(chain)
    ]
    sweep(scalar, chain, gathered)
    assert all(torch.equal(found[number], gradient) for number, gradient in enumerate(expected))


def test_parameters_get_no_gradient_from_a_sweep() -> None:
    weight = torch.ones(3, requires_grad=True)
    hidden = weight * 2
    sweep(hidden.sum(), [hidden], [Gathered({0: hidden}, lambda found: None)])
    assert weight.grad is None


def test_the_graph_stays_for_the_loss() -> None:
    chain, scalar = _chain()
    sweep(scalar, chain, [])
    scalar.backward()  # raises when the graph is gone


def test_gradients_that_belong_together_come_together() -> None:
    one, two = torch.ones(2, requires_grad=True) * 2, torch.ones(2, requires_grad=True) * 3
    calls: list[list[str]] = []
    gathered = Gathered({"one": one, "two": two}, lambda found: calls.append(sorted(found)))
    (one * two).sum().backward()
    gathered.close()
    assert calls == [["one", "two"]]


def test_what_never_gets_complete_is_handed_out_at_the_end() -> None:
    one, unused = torch.ones(2, requires_grad=True) * 2, torch.ones(2, requires_grad=True) * 3
    calls: list[list[str]] = []
    gathered = Gathered({"one": one, "unused": unused}, lambda found: calls.append(sorted(found)))
    one.sum().backward()
    assert calls == []
    gathered.close()
    assert calls == [["one"]]


def test_closed_hooks_hear_nothing() -> None:
    one = torch.ones(2, requires_grad=True) * 2
    calls: list[int] = []
    gathered = Gathered({0: one}, lambda found: calls.append(1))
    gathered.close()
    one.sum().backward()
    assert calls == []
