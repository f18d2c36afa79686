from __future__ import annotations

from attnprobe.comparing import compare
from attnprobe.records import AttentionSite, Change
from tests.comparing.scans import FUSED, scan, site, stack


def changes(base: tuple[AttentionSite, ...], head: tuple[AttentionSite, ...], **rest: object) -> list[Change]:
    compared = compare(scan(sites=base, **rest), scan(sites=head), base_name="main", head_name="head")
    return [each for each in compared.changes if each.kind == "site"]


def test_the_same_sites_are_no_change() -> None:
    assert changes(stack(24), stack(24)) == []


def test_all_layers_that_changed_alike_are_one_change() -> None:
    (found,) = changes(stack(24), stack(24, num_kv_heads=8))
    assert (found.where, found.base, found.head) == (
        "blocks.{0..23}.attn",
        "num_kv_heads 32",
        "num_kv_heads 8",
    )
    assert (found.verdict, found.name) == ("changed", found.where)


def test_layers_that_came_and_went_are_described() -> None:
    added = changes(stack(24), stack(32, num_kv_heads=32))
    assert [(each.where, each.head, each.verdict) for each in added] == [
        ("blocks.{24..31}.attn", "dot_product, 32 heads", "added")
    ]
    (gone,) = changes((*stack(1), site("pool", mechanism="pooling", num_heads=1, role="pooling")), stack(1))
    assert (gone.base, gone.head, gone.verdict) == ("pooling, pooling, 1 head", None, "removed")


def test_a_new_grouped_and_windowed_site_says_both() -> None:
    head = (site("attn", num_kv_heads=8, window_left=511, window_right=0),)
    assert changes((), head)[0].head == "dot_product, 32 heads over 8, window 512"


def test_a_window_is_told_by_how_many_keys_a_query_sees() -> None:
    (found,) = changes(stack(2), stack(2, window_left=511, window_right=0))
    assert (found.base, found.head) == ("window none", "window 512")
    (found,) = changes(stack(2, window_left=3), stack(2, window_left=3, window_right=2))
    assert (found.base, found.head) == ("window 4", "window 6")


def test_a_kernel_that_was_lost_is_worse_and_one_that_was_won_is_better() -> None:
    (lost,) = changes(stack(2), stack(2, kernel="unfused"))
    assert (lost.base, lost.head, lost.verdict) == (f"kernel {FUSED}", "kernel unfused", "worse")
    (won,) = changes(stack(2, kernel="math (scaled_dot_product_attention fell back)"), stack(2))
    assert won.verdict == "better"


def test_on_other_inputs_lengths_and_kernels_are_not_held_against_the_model() -> None:
    base = stack(1, q_len=64, kv_len=64, kernel="unfused")
    assert changes(base, stack(1), length=64) == []
    assert [each.base for each in changes(stack(1, kv_len=64), stack(1))] == ["kv_len 64"]


def test_the_costs_of_a_site_are_numbers_under_their_metric() -> None:
    base, head = (
        stack(2, metrics={"flops_forward": 100}),
        stack(2, metrics={"flops_forward": 75}),
    )
    (found,) = changes(base, head)
    assert (found.name, found.where, found.base, found.head) == (
        "flops_forward",
        "blocks.{0..1}.attn",
        100,
        75,
    )
    assert (found.relative, found.verdict) == (-0.25, "better")


def test_a_renamed_stack_is_said_to_be_renamed() -> None:
    (found,) = changes(stack(2, "h.{}.attn"), stack(2, "layers.{}.attn"))
    assert (found.base, found.head, found.reason) == ("id h.*.attn", "id layers.*.attn", "renamed")
