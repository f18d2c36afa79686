"""Every sample model, judged from shapes: the warnings and errors that its source calls for, no others."""

from __future__ import annotations

from sample_answers import NAMES, read_answers

import attnprobe
from tests.test_scan_of_samples import samples, scanned

# Derived by reading the samples. What is not named here is healthy as far as shapes can tell.
EXPECTED: dict[str, dict[str, list[str]]] = {
    "bahdanau": {"AP210": ["attention#{1..2}"]},  # each step projects the same memory again
    "collapsing_ranks": {"AP111": ["blocks.{0..11}.attention"]},  # no residual
    "gpt_handwritten": {"AP201": ["blocks.{0..1}.attention"]},
    "gpt_per_head": {"AP201": ["blocks.{0..1}.attention"]},
    "hf_t5": {  # a learned position bias keeps SDPA from its fused kernels
        "AP203": ["decoder.block.{0..1}.layer.0.SelfAttention", "encoder.block.{0..1}.layer.0.SelfAttention"]
    },
    "long_context_gpt": {"AP202": ["blocks.{0..1}.attention"]},
    "need_weights": {"AP205": ["layers.{0..1}.attention"], "AP301": ["layers.{0..1}.attention"]},
    "planted_faults": {
        "AP102": ["softmax_over_queries"],
        "AP103": ["mask_after_softmax"],
        "AP110": ["scrambled_heads"],
        "AP201": ["scrambled_heads", "unscaled"],
        "AP301": ["mask_after_softmax", "scrambled_heads", "softmax_over_queries", "unscaled"],
    },  # AP101 needs the weights: a static scan has none
    "relative_bias": {"AP203": ["blocks.{0..1}.attention"]},
    "repeat_kv": {"AP206": ["blocks.{0..1}.attention"]},
    "sigmoid_attention": {"AP301": ["layers.{0..1}"]},
    "talking_heads": {"AP301": ["layers.{0..1}"]},
    "translation": {"AP205": ["decoder.cross_attention"]},
    "unhealthy_heads": {"AP203": ["layers.half_local", "layers.local_{1..3}"]},
    "vit": {"AP201": ["blocks.{0..1}.attention"]},
}


@samples
def test_a_sample_has_the_findings_that_its_source_calls_for(name: str) -> None:
    found: dict[str, list[str]] = {}
    for finding in attnprobe.check(scanned(name)).findings:
        if finding.severity != "info":
            found.setdefault(finding.rule, []).append(finding.where)
    assert {rule: sorted(places) for rule, places in found.items()} == EXPECTED.get(name, {})


def test_only_samples_are_expected_to_have_findings() -> None:
    assert set(EXPECTED) <= set(NAMES)


def test_findings_about_correctness_name_the_line_of_the_fault() -> None:
    judged = attnprobe.check(scanned("planted_faults"), select=["AP1"])
    text = read_answers("planted_faults").path.read_text().splitlines()
    lines = {each.rule: text[each.location.line - 1] for each in judged.findings if each.location}
    assert "softmax(scores, dim=-2)" in lines["AP102"]
    assert "* visible" in lines["AP103"]
    assert "x.view(x.shape[0], NUM_HEADS" in lines["AP110"]
