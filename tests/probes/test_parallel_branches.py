"""Shares of attentions side by side."""

from __future__ import annotations

import math

import torch
from sample_answers import load_sample
from torch import Tensor, nn

from attnprobe.observing.sums import Sums
from attnprobe.probes.parallel_branches import probe
from attnprobe.probes.wasted_work.branch_sizes import BranchSizeWatcher
from tests.probes.gradient_runs import subject_of, watched
from tests.probes.hidden_states import show
from tests.probes.written_attention import Attention, fused, tokens, values


def energy(sums: Sums, site: int) -> float:
    found = sums.get(site, "energy")
    assert found is not None
    return float(found)


def test_the_energy_is_that_of_real_tokens() -> None:
    branch = torch.tensor([[[3.0, 4.0], [100.0, 0.0]]])  # norms 5 and 100
    real = torch.tensor([[True, False]])
    watcher = show(BranchSizeWatcher({0}), real=real, samples=1, entry=branch, branch=branch)
    assert energy(watcher.sums, 0) == 25


def test_two_batches_merged_are_the_whole() -> None:
    branch = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    whole = show(BranchSizeWatcher({0}), entry=branch, branch=branch)
    first = show(BranchSizeWatcher({0}), samples=1, entry=branch[:1], branch=branch[:1])
    first.merge(show(BranchSizeWatcher({0}), samples=1, entry=branch[1:], branch=branch[1:]))
    assert math.isclose(energy(whole.sums, 0), energy(first.sums, 0))


def test_a_branch_a_hundred_times_smaller_has_a_hundredth() -> None:
    """The shares are those of the addends themselves, computed from the model's own modules."""
    sample = load_sample("composite_idle_branch")
    model: nn.Module = sample.build_model().eval()
    ids: Tensor = sample.example_inputs()
    norms = {}
    for name in ("near", "far"):
        part = model.get_submodule(f"attention.{name}")
        part.register_forward_hook(lambda *args, name=name: norms.update({name: float(args[2].norm())}))
    with torch.no_grad():
        model(ids)
    clean = sample.build_model()
    result = probe.run(watched(subject_of(clean, ids), probe))
    shares = values(result, "parallel_branch_share")
    assert math.isclose(shares[1], norms["far"] / (norms["near"] + norms["far"]), rel_tol=1e-5)
    assert shares[1] < 0.02
    assert math.isclose(sum(shares), 1)


def test_an_attention_that_stands_alone_has_no_share() -> None:
    result = probe.run(watched(subject_of(Attention(fused), tokens()), probe))
    assert result.measurements == ()
    assert [m.reason for m in result.not_measured] == ["no attentions run side by side"]
