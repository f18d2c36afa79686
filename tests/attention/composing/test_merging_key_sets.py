"""Attention over disjoint sets of keys merges into attention over all of them."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from attnprobe.attention import Mask, Parallel, Sdpa
from attnprobe.attention.composing.key_sets import KeySet
from attnprobe.attention.composing.merging import attention_with_log_sum, merge
from attnprobe.errors import UsageError
from attnprobe.testing import assert_core_conforms

WINDOW = Mask(window=(5, 2))


def _inputs(q_len: int, kv_len: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 4, q_len, 8), (2, 2, kv_len, 8), (2, 2, kv_len, 6))
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)


def test_two_keys_apart_are_as_two_keys_together() -> None:
    # Scores log 1 and log 3, values 0 and 8: 1/4 · 0 + 3/4 · 8 = 6; the log-sum is log 4.
    outputs = [torch.tensor([[[[0.0]]]]), torch.tensor([[[[8.0]]]])]
    log_sums = [torch.tensor([[[0.0]]]), torch.tensor([[[log(3)]]])]
    out, log_sum = merge(outputs, log_sums)
    assert out.item() == pytest.approx(6.0)
    assert exp(log_sum.item()) == pytest.approx(4.0)


def test_a_set_without_keys_adds_nothing_and_no_keys_at_all_give_zero() -> None:
    nothing, something = torch.full((1, 1, 1), float("-inf")), torch.zeros(1, 1, 1)
    value, none = torch.full((1, 1, 1, 1), 5.0), torch.zeros(1, 1, 1, 1)
    assert merge([value, none], [something, nothing])[0].item() == 5.0
    out, log_sum = merge([none, none], [nothing, nothing])
    assert out.item() == 0.0
    assert log_sum.item() == float("-inf")


@pytest.mark.parametrize(("q_len", "kv_len"), [(1, 1), (63, 63), (257, 257), (7, 300)])
@pytest.mark.parametrize("is_causal", [True, False])
def test_a_window_and_what_lies_beyond_it_are_full_attention(
    q_len: int, kv_len: int, is_causal: bool
) -> None:
    query, key, value = _inputs(q_len, kv_len)
    mask = Mask(is_causal=is_causal)
    found = Parallel([KeySet(WINDOW), KeySet(without=WINDOW)], "lse")(query, key, value, mask)
    torch.testing.assert_close(found, Sdpa()(query, key, value, mask), rtol=1e-10, atol=1e-12)


def test_gradients_are_those_of_full_attention() -> None:
    merged, full = (tuple(each.requires_grad_() for each in _inputs(63, 63)) for _ in range(2))
    upstream = torch.randn(2, 4, 63, 6, dtype=torch.float64)
    (Parallel([KeySet(WINDOW), KeySet(without=WINDOW)], "lse")(*merged) * upstream).sum().backward()
    (Sdpa()(*full) * upstream).sum().backward()
    for found, expected in zip(merged, full, strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-11)


def test_a_shared_prefix_and_own_keys_are_merged_without_joining_them() -> None:
    query, key, value = _inputs(9, 40)
    parts = [
        attention_with_log_sum(query, key[:, :, keys], value[:, :, keys], Mask(), 8**-0.5)
        for keys in (slice(0, 25), slice(25, 40))
    ]
    found, _ = merge([out for out, _ in parts], [log_sum for _, log_sum in parts])
    torch.testing.assert_close(found, Sdpa()(query, key, value))


def test_keys_in_two_sets_count_twice() -> None:
    # One key in both sets, another in one: equal scores give weights 2/3 and 1/3 instead of 1/2 and 1/2.
    query, value = torch.zeros(1, 1, 2, 2), torch.tensor([3.0, 0.0]).reshape(1, 1, 2, 1)
    first = Mask(dense=torch.tensor([[True, False], [True, False]]))
    out = Parallel([KeySet(), KeySet(first)], "lse")(query, query, value)
    torch.testing.assert_close(out.flatten(), torch.tensor([2.0, 2.0]))


def test_it_conforms_and_decodes() -> None:
    assert_core_conforms(Parallel([KeySet(WINDOW), KeySet(without=WINDOW)], "lse"), lengths=(1, 7, 63))
    assert_core_conforms(KeySet(WINDOW), lengths=(1, 7, 63))


def test_half_precision_is_summed_in_single() -> None:
    full = Sdpa()(*_inputs(63, 63))
    merged = Parallel([KeySet(WINDOW), KeySet(without=WINDOW)], "lse")(*_inputs(63, 63, torch.bfloat16))
    assert merged.dtype == torch.bfloat16
    torch.testing.assert_close(merged.double(), full, rtol=0.03, atol=0.03)


def test_only_sets_of_keys_are_merged() -> None:
    with pytest.raises(UsageError, match="KeySet"):
        Parallel([Sdpa(), Sdpa()], "lse")
    with pytest.raises(UsageError, match="none are left"):
        KeySet(without=Mask())
