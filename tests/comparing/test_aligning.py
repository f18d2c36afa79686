from __future__ import annotations

from attnprobe.comparing.aligning import aligned
from attnprobe.records import AttentionSite
from tests.comparing.scans import site, stack


def pairs(
    base: tuple[AttentionSite, ...], head: tuple[AttentionSite, ...]
) -> list[tuple[str | None, str | None]]:
    return [(p.base.id if p.base else None, p.head.id if p.head else None) for p in aligned(base, head)]


def test_sites_of_one_name_belong_together_whatever_changed() -> None:
    base, head = stack(2), stack(2, num_kv_heads=8, mechanism="linear")
    assert pairs(base, head) == [
        ("blocks.0.attn", "blocks.0.attn"),
        ("blocks.1.attn", "blocks.1.attn"),
    ]


def test_a_stack_that_was_renamed_is_matched_in_order() -> None:
    assert pairs(stack(2, "h.{}.attn"), stack(2, "layers.{}.self_attn")) == [
        ("h.0.attn", "layers.0.self_attn"),
        ("h.1.attn", "layers.1.self_attn"),
    ]


def test_another_mechanism_under_another_name_is_not_a_renamed_site() -> None:
    base, head = (site("encoder.pool", mechanism="pooling", num_heads=1),), (site("decoder.attn"),)
    assert pairs(base, head) == [(None, "decoder.attn"), ("encoder.pool", None)]


def test_of_two_new_stacks_the_one_that_does_the_same_is_the_renamed_one() -> None:
    base = stack(3, "h.{}.attn", window_left=255)
    head = (*stack(3, "global.{}.attn"), *stack(3, "local.{}.attn", window_left=255))
    assert pairs(base, head) == [
        (None, "global.0.attn"),
        (None, "global.1.attn"),
        (None, "global.2.attn"),
        ("h.0.attn", "local.0.attn"),
        ("h.1.attn", "local.1.attn"),
        ("h.2.attn", "local.2.attn"),
    ]


def test_names_that_end_alike_belong_together_when_all_do_the_same() -> None:
    base = (site("encoder.attn"), site("decoder.attn"))
    head = (site("model.decoder.attn"), site("model.encoder.attn"))
    assert pairs(base, head) == [
        ("decoder.attn", "model.decoder.attn"),
        ("encoder.attn", "model.encoder.attn"),
    ]


def test_a_layer_taken_out_of_the_middle_is_the_one_that_differs() -> None:
    # full, local, local, full; the first local one goes, so the later ones carry smaller numbers.
    base = (
        site("b.0"),
        site("b.1", window_left=255),
        site("b.2", window_left=511),
        site("b.3"),
    )
    head = (site("b.0"), site("b.1", window_left=511), site("b.2"))
    assert pairs(base, head) == [("b.0", "b.0"), ("b.2", "b.1"), ("b.3", "b.2"), ("b.1", None)]


def test_of_layers_that_are_all_alike_the_last_ones_come_and_go() -> None:
    assert pairs(stack(2), stack(3))[-1] == (None, "blocks.2.attn")
    assert pairs(stack(3), stack(2))[-1] == ("blocks.2.attn", None)


def test_a_thousand_sites_are_aligned() -> None:
    found = aligned(stack(1000), stack(999, num_kv_heads=1))
    assert sum(pair.head is None for pair in found) == 1
    assert len(found) == 1000
