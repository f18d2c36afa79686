"""Attention ops of other packages, known by name. Their layout is tokens before heads: [B, L, H, D]."""

from __future__ import annotations

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.formulas import Flops, attention_formula
from attnprobe.probes.counting.fused_attention import (
    backward_flops,
    forward_flops,
    maybe_packed,
    tokens_first,
)


@attention_formula("flash_attn._flash_attn_forward")
def flash(call: OpCall) -> Flops:
    """(q, k, v, …)."""
    return forward_flops(*tokens_first(call.shape(0), call.shape(1), call.shape(2)))


@attention_formula("flash_attn._flash_attn_backward")
def flash_backward(call: OpCall) -> Flops:
    """(grad_out, q, k, v, …)."""
    return backward_flops(*tokens_first(call.shape(1), call.shape(2), call.shape(3)))


@attention_formula("flash_attn._flash_attn_varlen_forward")
def flash_packed(call: OpCall) -> Flops:
    """(q [tokens, H, D], k, v, cu_seqlens_q, cu_seqlens_k, max_q, max_k, …)."""
    return forward_flops(*maybe_packed(call, first=0, offsets=3, longest=5))


@attention_formula("flash_attn._flash_attn_varlen_backward")
def flash_packed_backward(call: OpCall) -> Flops:
    """(grad_out, q, k, v, out, lse, dq, dk, dv, cu_seqlens_q, cu_seqlens_k, max_q, max_k, …)."""
    return backward_flops(*maybe_packed(call, first=1, offsets=9, longest=11))


@attention_formula("xformers_flash.flash_fwd")
def xformers_flash(call: OpCall) -> Flops:
    """(q, k, v, cu_seqlens_q, cu_seqlens_k, seqused_k, max_q, max_k, …)."""
    return forward_flops(*maybe_packed(call, first=0, offsets=3, longest=6))


@attention_formula("xformers_flash.flash_bwd")
def xformers_flash_backward(call: OpCall) -> Flops:
    """([grads_share_storage,] grad, q, k, v, out, lse, cu_seqlens_q, cu_seqlens_k, max_q, max_k, …)."""
    shift = 0 if call.tensor(0) else 1  # newer versions have the flag in front
    return backward_flops(*maybe_packed(call, first=1 + shift, offsets=6 + shift, longest=8 + shift))


@attention_formula("xformers.efficient_attention_forward_cutlass")
def xformers_cutlass(call: OpCall) -> Flops:
    """(q, k, v, bias, cu_seqlens_q, cu_seqlens_k, max_q, max_k, …)."""
    return forward_flops(*maybe_packed(call, first=0, offsets=4, longest=6))
