"""Measured peaks against predicted ones: two ways to the same number."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from attnprobe.borrowing import borrowed
from attnprobe.probes import measured_memory, memory
from attnprobe.records import ProbeResult, Subject
from attnprobe.tracing.tracing import trace
from tests.probes.captured import loaded, measurable
from tests.probes.test_flops import Model

B, S, E = 2, 64, 32


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def measured(subject: Subject) -> ProbeResult:
    assert subject.model is not None
    with borrowed(subject.model.module, train=False):
        return measured_memory.probe.run(subject)


def values(result: ProbeResult) -> dict[str, float | None]:
    return {m.metric: m.value for m in result.measurements if not m.site}


def test_the_peak_of_a_chain_is_that_of_two_neighbours() -> None:
    class Chain(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat([x] * 8)  # 8 MiB
            x = torch.cat([x] * 2)  # 16 MiB, while the 8 MiB are there
            return x.sum()

    megabyte = torch.zeros(2**18)
    found = values(measured(measurable(Chain(), megabyte, backward=False)))
    assert found["measured_peak_forward_bytes"] == pytest.approx(2**20 * (1 + 8 + 16), rel=1e-4)


@pytest.mark.parametrize("fused", [True, False])
def test_predicted_and_measured_peaks_agree(fused: bool, one_thread: None) -> None:
    model, given = Model(fused=fused), torch.randn(16, S, E)
    subject = measurable(model, given)
    subject.trace = replace(subject.trace, length_dims={"0": (1,)})
    subject.retrace = lambda _: trace(loaded(model, given), train=False, backward=False)
    predicted, found = values(memory.probe.run(subject)), values(measured(subject))
    for step in ("forward", "training"):
        # the CPU kernel has 9 KiB of its own per thread
        ratio = (predicted[f"peak_{step}_bytes"] or 0) / (found[f"measured_peak_{step}_bytes"] or 1)
        assert ratio == pytest.approx(1, abs=0.02)


def test_the_profiler_prints_nothing_and_leaves_the_environment(capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    measured(measurable(Model(fused=True), torch.randn(B, S, E)))
    out, err = capfd.readouterr()
    assert "profiler_start" not in out + err
    assert dict(os.environ) == before


def test_a_scan_without_backward_measures_no_training_step() -> None:
    result = measured(measurable(Model(fused=True), torch.randn(B, S, E), backward=False))
    assert [m.metric for m in result.not_measured] == ["measured_peak_training_bytes"]
