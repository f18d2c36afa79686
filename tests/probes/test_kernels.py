"""What ran at a site, by the profiler, and the table that torch-tb-profiler makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from attnprobe.borrowing import borrowed
from attnprobe.probes.kernel_traces.site_events import site_runs
from attnprobe.probes.kernel_traces.table import read_table
from attnprobe.probes.kernels import probe
from attnprobe.probes.measuring.profiling import profiled
from attnprobe.records import ProbeResult
from tests.probes.captured import measurable
from tests.probes.test_flops import Model

B, S, E = 2, 16, 32


def run(*, fused: bool) -> ProbeResult:
    subject = measurable(Model(fused=fused), torch.randn(B, S, E), backward=False)
    assert subject.model is not None
    with borrowed(subject.model.module, train=False):
        return probe.run(subject)


@pytest.mark.parametrize(
    ("fused", "products", "core"),
    [
        (
            True,
            5,
            "aten::_scaled_dot_product_flash_attention_for_cpu",
        ),  # three projections, attention, output
        (False, 6, "aten::bmm"),  # scores and values are two products
    ],
)
def test_the_kernel_that_ran_is_named(fused: bool, products: int, core: str) -> None:
    result = run(fused=fused)
    counts = {m.site: m.value for m in result.measurements if m.metric == "product_count"}
    assert counts == {"layers.0": products, "layers.1": products}
    (note,) = [note for note in result.notes if note.startswith("layers.{0..1}")]
    assert core in note
    assert note.endswith("on cpu.")


def test_gpu_numbers_are_missing_on_a_cpu_and_say_why() -> None:
    assert {(m.metric, m.reason) for m in run(fused=True).not_measured} == {
        ("kernel_count", "no GPU was used"),
        ("kernel_ms", "no GPU was used"),
    }


def test_operators_are_listed_by_their_own_time() -> None:
    (table,) = [note for note in run(fused=True).notes if note.startswith("Operators of one forward")]
    assert "aten::addmm" in table


def test_a_trace_is_read_back_as_torch_sums_it(tmp_path: Path) -> None:
    matrix = torch.randn(64, 64)
    with profiled() as profiler:
        for _ in range(5):
            matrix @ matrix
    path = tmp_path / "run.pt.trace.json"
    profiler.export_chrome_trace(str(path))
    table = read_table(path)
    rows = {row.name: row for row in table.operators}
    (expected,) = [event for event in profiler.key_averages() if event.key == "aten::mm"]
    assert rows["aten::mm"].calls == 5
    # the trace file holds whole microseconds per call
    assert rows["aten::mm"].self_ms == pytest.approx(expected.self_cpu_time_total / 1e3, abs=0.01)
    assert table.kernels == ()
    assert "Operator" in table.views


@dataclass
class Event:
    """An event as torch's profiler gives it."""

    name: str
    cpu_children: list[Event] = field(default_factory=list)
    kernels: list[Any] = field(default_factory=list)
    device_type: str = "DeviceType.CPU"


@dataclass
class Kernel:
    name: str
    duration: float  # µs


def test_kernels_of_a_gpu_are_summed_over_the_operators_of_the_site() -> None:
    attend = Event("aten::_flash_attention_forward", kernels=[Kernel("flash_fwd_kernel", 40.0)])
    scaled = Event("aten::_scaled_dot_product_flash_attention", [attend])
    product = Event("aten::linear", [Event("aten::addmm", kernels=[Kernel("gemm", 10.0)])])
    runs = site_runs(
        [Event("attn::h.0.attn", [product, scaled]), Event("attn::h.0.attn", device_type="CUDA")]
    )
    found = runs["h.0.attn"]
    assert found.operators == ("aten::addmm", "aten::_flash_attention_forward")
    assert found.core == "aten::_flash_attention_forward"
    assert found.kernels == ("gemm", "flash_fwd_kernel")
    assert found.kernel_ms == 0.05


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_kernels_of_a_real_gpu_are_seen() -> None:
    subject = measurable(Model(fused=True).cuda(), torch.randn(B, S, E, device="cuda"), backward=False)
    subject.device = "cuda"
    result = probe.run(subject)
    assert all(m.value for m in result.measurements if m.metric == "kernel_count")
    assert ProfilerActivity.CUDA in profile().activities
