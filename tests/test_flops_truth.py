"""The hand-derived FLOPs of the benchmark: against the printed survey and against the counter of torch."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops_truth.backward_small import VARIANTS as BACKWARD
from benchmarks.flops_truth.hand_written import VARIANTS as HAND_WRITTEN
from benchmarks.flops_truth.run import backward_rows, forward_row, is_exact
from benchmarks.flops_truth.torch_layers import VARIANTS as TORCH_LAYERS
from benchmarks.flops_truth.truth import BackwardVariant, Variant
from benchmarks.flops_truth.variants import VARIANTS


def test_survey_has_twenty_three_models_of_different_names() -> None:
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) == 23


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_derived_flops_have_the_printed_digits(variant: Variant) -> None:
    assert f"{variant.flops / 1e6:.1f}" == variant.printed_mflop


@pytest.mark.parametrize("variant", HAND_WRITTEN + TORCH_LAYERS, ids=lambda variant: variant.name)
def test_torch_counts_the_derived_flops_where_every_kernel_is_taken_apart(variant: Variant) -> None:
    model = variant.build().train(variant.train)
    args, kwargs = variant.inputs()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    assert counter.get_total_flops() == variant.flops


@pytest.mark.parametrize("variant", HAND_WRITTEN + TORCH_LAYERS, ids=lambda variant: variant.name)
def test_both_counters_of_a_scan_give_the_derived_flops(variant: Variant) -> None:
    row = forward_row(variant)
    assert is_exact(row), row
    assert row["fvcore"] == variant.flops


@pytest.mark.parametrize("variant", BACKWARD, ids=lambda variant: variant.name)
def test_backward_of_every_module_has_the_derived_flops(variant: BackwardVariant) -> None:
    assert [row for row in backward_rows(variant) if not is_exact(row)] == []
