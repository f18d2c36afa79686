"""Predicted times, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from attnprobe.errors import UsageError
from attnprobe.probes.roofline import probe
from attnprobe.records import Prediction, ScanOptions
from tests.probes.hand_traces import Sketch, dot_product

H100_BF16, H100_BANDWIDTH = 989.4e12, 3.35e12
B, H, S, D, E = 1, 8, 1024, 64, 512
PROJECTION = 2 * B * S * E * E


def decoder(*, causal: bool = True, backward: bool = False) -> Sketch:
    """One bfloat16 layer: a projection with a weight of [E, E], then fused causal attention, then a head."""
    sketch = Sketch()

    def tensor(*shape: int, **keywords: Any) -> Any:
        return sketch.tensor(*shape, dtype="bfloat16", **keywords)

    x, weight = tensor(S, E, origin="input:x"), tensor(E, E, origin="parameter:w")
    transposed = tensor(E, E, view_of=weight.id)
    sketch.op("aten.t.default", weight, out=[transposed])
    projected = tensor(S, E)
    projection = sketch.op("aten.mm.default", x, transposed, out=[projected])
    query, key, value = (tensor(B, H, S, D) for _ in range(3))
    out = tensor(B, H, S, D)
    name = "aten._scaled_dot_product_flash_attention.default"
    core = sketch.op(name, query, key, value, 0.0, causal, out=[out])
    head = tensor(E, E, origin="parameter:head")
    sketch.op("aten.mm.default", projected, head, out=[tensor(S, E)])
    if backward:
        sketch.op(
            "aten._scaled_dot_product_flash_attention_backward.default", out, query, key, value, out,
            phase="backward", forward_op=core, out=[query, key, value],
        )  # fmt: skip
    made = dot_product(
        score_ops=[core], key=key.id, value=value.id, batch=B, num_heads=H, num_kv_heads=H, head_dim=D,
        value_dim=D, q_len=S, kv_len=S, is_causal_flag=causal,
    )  # fmt: skip
    sketch.site(made, {"projections": [projection], "scores": [core]})
    return sketch


def predictions(sketch: Sketch, device: str = "h100") -> dict[tuple[str, str], Prediction]:
    result = probe.run(sketch.subject(options=ScanOptions(target="model.py", target_device=device)))
    return {(p.workload, p.site): p for p in result.predictions}


CORE = 4 * B * H * (S * (S + 1) // 2) * D  # of a kernel that skips what is masked
CORE_BYTES = 2 * 4 * B * H * S * D
PRODUCT_BYTES = 2 * (2 * S * E + E * E)


def test_prefill_runs_op_after_op_each_at_its_own_bound() -> None:
    found = predictions(decoder())["prefill", "attn"]
    assert found.flops == PROJECTION + CORE
    assert found.bytes == PRODUCT_BYTES + CORE_BYTES
    projection = max(PROJECTION / H100_BF16, PRODUCT_BYTES / H100_BANDWIDTH)
    core = max(CORE / H100_BF16, CORE_BYTES / H100_BANDWIDTH)
    assert found.ms == pytest.approx(1e3 * (projection + core))
    assert found.compute_ms == pytest.approx(1e3 * (PROJECTION + CORE) / H100_BF16)
    assert found.memory_ms == pytest.approx(1e3 * (PRODUCT_BYTES + CORE_BYTES) / H100_BANDWIDTH)
    assert found.bound == ("compute" if found.compute_ms >= found.memory_ms else "memory")


def test_the_model_has_its_head_as_well() -> None:
    assert predictions(decoder())["prefill", ""].flops == 2 * PROJECTION + CORE


def test_without_a_causal_flag_every_pair_is_computed() -> None:
    assert predictions(decoder(causal=False))["prefill", "attn"].flops == PROJECTION + 4 * B * H * S * S * D


def test_training_adds_the_backward() -> None:
    found = predictions(decoder(backward=True))
    assert found["training", "attn"].flops == PROJECTION + CORE + 2.5 * CORE
    assert ("training", "attn") not in predictions(decoder())


def test_decoding_reads_the_weights_and_the_cache_for_one_token() -> None:
    found = predictions(decoder())["decode", "attn"]
    assert found.flops == 2 * E * E + 4 * H * S * D
    assert found.bytes == 2 * E * E + 2 * (2 * H * D) * S
    assert found.bound == "memory"
    model = predictions(decoder())["decode", ""]
    assert model.bytes == found.bytes + 2 * E * E


def test_a_model_that_is_not_causal_is_not_decoded() -> None:
    assert not [key for key in predictions(decoder(causal=False)) if key[0] == "decode"]


def test_twice_the_bandwidth_halves_what_memory_bounds() -> None:
    slow, fast = predictions(decoder(), "l4"), predictions(decoder(), "a10")
    assert slow["decode", "attn"].ms == pytest.approx(2 * fast["decode", "attn"].ms)


def test_without_a_named_device_nothing_is_predicted() -> None:
    result = probe.run(decoder().subject())
    assert result.predictions == ()
    assert "--target-device" in result.not_measured[0].reason


def test_a_device_that_is_not_known_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'h100'"):
        predictions(decoder(), "h10")
