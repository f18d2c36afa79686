"""Attention in one op: torch's SDPA kernels, the fast path of nn.MultiheadAttention, and extensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from attnprobe.records import Core, Op, Tensor
from attnprobe.tracing.axes.labelling import argument, short_name
from attnprobe.tracing.reading.biases import masks_inside
from attnprobe.tracing.reading.fused_operands import fused_operands, sequence_first_operands
from attnprobe.tracing.reading.heads import split
from attnprobe.tracing.reading.operands import prescale
from attnprobe.tracing.reading.roles import role_of
from attnprobe.tracing.reading.scene import Pattern, Scene

# Position of dropout and of is_causal among the positional arguments.
_SDPA = {
    "_scaled_dot_product_flash_attention_for_cpu": (3, 4),
    "_scaled_dot_product_flash_attention": (3, 4),
    "_scaled_dot_product_efficient_attention": (5, 6),
    "_scaled_dot_product_cudnn_attention": (5, 6),
    "_scaled_dot_product_fused_attention_overrideable": (4, 5),
    "_scaled_dot_product_attention_math": (4, 5),
    "_scaled_dot_product_attention_math_for_mps": (4, 5),
    "scaled_dot_product_attention": (4, 5),
}
# Parts of the names of extensions that take the sequence before the heads.
_SEQUENCE_FIRST = (
    "flash_attn::",
    "flash_attn_2",
    "flash_attn_3",
    "_flash_attention_forward",
    "xformers::efficient_attention",
    "_efficient_attention_forward",
)


def find(scene: Scene) -> list[Core]:
    """One core per fused op."""
    cores = []
    for op in scene.ops[: scene.end]:
        if op.phase != "forward":
            continue
        reader = _reader(op)
        if reader is not None:
            cores.append(reader(scene, op))
            scene.claimed.add(op.index)
    return cores


def _reader(op: Op) -> Callable[[Scene, Op], Core] | None:
    name = short_name(op.name)
    if name in _SDPA and len(op.inputs) >= 3:
        return _sdpa
    qualified = op.name.replace(".", "::", 1)
    is_extension = any(word in qualified or word in name for word in _SEQUENCE_FIRST)
    if is_extension and "backward" not in op.name:
        return _sequence_first if len(op.inputs) >= 3 else None
    if name == "_native_multi_head_attention":
        return _native_mha
    if name == "_transformer_encoder_layer_fwd":
        return _encoder_layer
    return None


def _sdpa(scene: Scene, op: Op) -> Core:
    """query [B, H, L, D], key [B, G, S, D], value [B, G, S, Dv]; or without B, or with B and H folded."""
    dropout_at, causal_at = _SDPA[short_name(op.name)]
    query, key, value = (scene.tensors[t] for t in op.inputs[:3])
    label_q, label_k = scene.label(query.id), scene.label(key.id)
    width = [label_q.dims[-1], label_k.dims[-1]]
    q_part = split(scene, label_q.dims[:-2], width, [label_q.dims[-2]])
    k_part = split(scene, label_k.dims[:-2], width, [label_k.dims[-2]])
    leading = query.numel // max(query.shape[-1] * query.shape[-2], 1)
    heads, kv_heads = _heads(query.shape, key.shape, q_part.heads, k_part.heads, k_part.repeats)
    scale, notes = _scale(scene, op, query)
    core = Core(
        mechanism="dot_product",
        normaliser="softmax",
        role=role_of(scene, query.id, key.id, -2),
        score_ops=(op.index,),
        value_ops=(op.index,),
        inner_ops=(),
        query=query.id,
        key=key.id,
        value=value.id,
        output=op.outputs[0],
        batch=leading // max(heads, 1),
        windows=q_part.windows,
        num_heads=heads,
        num_kv_heads=kv_heads,
        head_dim=query.shape[-1],
        value_dim=value.shape[-1],
        q_len=query.shape[-2],
        kv_len=key.shape[-2],
        scale=scale,
        dropout=float(argument(op, dropout_at, "dropout_p", 0.0) or 0.0),
        mask_ops=(op.index,) if op.mask is not None else masks_inside(scene, op.inputs[3:4]),
        is_causal_flag=bool(argument(op, causal_at, "is_causal", False)),
        kernel=op.name.rsplit(".", 1)[0],
        notes=notes,
    )
    return replace(core, operands=fused_operands(scene, core))


def _scale(scene: Scene, op: Op, query: Tensor) -> tuple[float | None, tuple[str, ...]]:
    """The kernel's own scale times that of the query before it; None when one of them is not known."""
    given = op.keywords.get("scale")
    own = given if isinstance(given, (int, float)) else query.shape[-1] ** -0.5 if query.shape[-1] else None
    factor, was_scaled = prescale(scene, query.id)
    total = own * factor if own is not None and factor is not None else None
    is_scaled_twice = was_scaled and factor not in (1.0, None)
    return total, ("query scaled before the kernel",) if is_scaled_twice else ()


def _heads(
    query: tuple[int, ...], key: tuple[int, ...], q_heads: int, k_heads: int, k_repeats: int
) -> tuple[int, int]:
    """Query heads and distinct key heads of an SDPA call.

    The third dim from the end is the heads by SDPA's own convention, except in 3-D calls, where heads are
    folded into the batch or absent.
    """
    if len(query) >= 4:
        heads, kept = query[-3], key[-3]
        if k_repeats > 1 and kept % k_repeats == 0 and k_heads * k_repeats == kept:
            kept = k_heads
        return heads, kept
    return max(q_heads, 1), max(k_heads if k_heads > 1 else q_heads, 1)


def _sequence_first(scene: Scene, op: Op) -> Core:
    """query [B, L, H, D] (or packed [tokens, H, D]), as flash-attn and xformers lay it out."""
    query, key, value = (scene.tensors[t] for t in op.inputs[:3])
    core = Core(
        mechanism="dot_product",
        normaliser="softmax",
        role=role_of(scene, query.id, key.id, -3),
        score_ops=(op.index,),
        value_ops=(op.index,),
        inner_ops=(),
        query=query.id,
        key=key.id,
        value=value.id,
        output=op.outputs[0],
        batch=query.numel // max(query.shape[-1] * query.shape[-2] * query.shape[-3], 1),
        windows=1,
        num_heads=query.shape[-2],
        num_kv_heads=key.shape[-2],
        head_dim=query.shape[-1],
        value_dim=value.shape[-1],
        q_len=query.shape[-3],
        kv_len=key.shape[-3],
        scale=next((a for a in op.arguments[3:] if isinstance(a, float) and 0 < a < 1), None),
        dropout=0.0,
        mask_ops=(),
        is_causal_flag=any(a is True for a in op.arguments[3:]),
        kernel=op.name.rsplit(".", 1)[0],
        notes=("an extension's op: its mask and dropout are not read",),
    )
    return replace(core, operands=sequence_first_operands(scene, core))


def _native_mha(scene: Scene, op: Op) -> Core:
    """(query, key, value [B, S, E], embed_dim, num_heads, qkv_weight, …): projections are inside."""
    embed, heads = int(op.arguments[3]), int(op.arguments[4])
    return _packed(scene, op, embed, heads, same=op.inputs[0] == op.inputs[1])


def _encoder_layer(scene: Scene, op: Op) -> Core:
    """(src [B, S, E], embed_dim, num_heads, …): a whole encoder layer in one op."""
    return _packed(scene, op, int(op.arguments[1]), int(op.arguments[2]), same=True)


def _packed(scene: Scene, op: Op, embed: int, heads: int, *, same: bool) -> Core:
    """One op with its projections: `same` when queries and keys come from one tensor."""
    source, memory = scene.tensors[op.inputs[0]], scene.tensors[op.inputs[0 if same else 1]]
    return Core(
        mechanism="dot_product",
        normaliser="softmax",
        role="self" if same else "cross",
        score_ops=(op.index,),
        value_ops=(op.index,),
        inner_ops=(),
        query=None,
        key=None,
        value=None,
        output=op.outputs[0],
        batch=source.shape[0] if len(source.shape) == 3 else 1,
        windows=1,
        num_heads=heads,
        num_kv_heads=heads,
        head_dim=embed // heads,
        value_dim=embed // heads,
        q_len=source.shape[-2],
        kv_len=memory.shape[-2],
        scale=(embed // heads) ** -0.5,
        dropout=0.0,
        mask_ops=(op.index,) if op.mask is not None else (),
        is_causal_flag=False,
        kernel=op.name.rsplit(".", 1)[0],
        notes=("one fused op with its projections: its parts cannot be seen apart",),
    )


pattern = Pattern("fused", find, order=0)
