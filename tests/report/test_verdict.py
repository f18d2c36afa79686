"""The result in words, from numbers worked out by hand."""

from dataclasses import replace

from sample_scans import empty_scan, gpt_scan, gpt_site

from attnprobe.records import CostShare
from attnprobe.report.parts.verdict import details, headline


def told(scan) -> str:
    return " ".join(text.en for text in details(scan)).replace("\u00a0", " ")


def with_site(**metrics):
    """A scan of one site, without shares and totals."""
    site = replace(gpt_site(0), metrics=metrics)
    return replace(gpt_scan(), sites=(site,), cost_shares=(), totals={})


def test_the_verdict_names_share_sites_and_groups():
    shares = (
        CostShare(part="attention", metric="flops_forward", value=41, share=0.41),
        CostShare(part="other", metric="flops_forward", value=59, share=0.59),
    )
    scan = replace(gpt_scan(), cost_shares=shares)
    assert headline(scan).en == "Attention is 41\u00a0% of the FLOPs, in 24 sites of 2 groups."
    assert headline(scan).zh == "注意力占 FLOPs 的 41\u00a0%，共 24 处，分为 2 个分组。"


def test_without_shares_the_verdict_names_no_share():
    assert headline(with_site()).en == "Attention is computed in 1 site of 1 group."
    assert told(with_site()) == ""


def test_no_attention_is_a_result():
    assert headline(empty_scan()).en == "No attention was found in this model."
    assert "looked for dot-product" in told(empty_scan())


def test_shares_without_attention_say_that_it_costs_nothing():
    shares = (CostShare(part="other", metric="flops_forward", value=59, share=1.0),)
    assert headline(replace(with_site(), cost_shares=shares)).en.startswith("Attention is 0\u00a0%")


def test_growth_is_told_with_the_length_at_which_the_core_passes_the_rest():
    scan = with_site(core_length_exponent=1.996)
    assert told(scan) == "Its core grows with the length to the power of 2."
    passes = replace(scan, totals={"quadratic_crossover_length": 180.5})
    assert "and from 181 tokens on costs more than the rest of the model" in told(passes)
    linear = replace(scan, totals={"core_length_exponent": 1.0})
    assert told(linear) == "Its core grows in proportion to the length."


def test_work_on_hidden_pairs_is_told_when_it_is_worth_it():
    # of 100 FLOPs that run, 30 reach a visible pair: 70 % do not
    assert "70 % fall on pairs which the mask hides" in told(with_site(flops_useful=30, flops_executed=100))
    assert told(with_site(flops_useful=96, flops_executed=100)) == ""
    assert told(with_site(flops_useful=30, flops_executed=None)) == ""
    assert told(with_site(flops_useful=0, flops_executed=0)) == ""


def test_memory_is_told_as_far_as_it_is_known():
    shares = (CostShare(part="attention", metric="activation_bytes", value=58, share=0.58),)
    cache = {"kv_cache_bytes_per_token": 48 * 1024}
    assert "holds 58 % of the activations" in told(replace(with_site(), cost_shares=shares))
    assert "takes 48 KiB per token" in told(replace(with_site(), totals=cache))
    both = told(replace(with_site(), cost_shares=shares, totals=cache))
    assert "58 % of the activations that a training step keeps, and 48 KiB of KV cache" in both
