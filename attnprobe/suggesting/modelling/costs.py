"""Formulas that many replacements share."""

from __future__ import annotations

from collections.abc import Mapping

# Core FLOPs: scores and values over `pairs` of query and key for each head; one multiply-add is 2.
_PAIRS = "2 * batch * num_heads * ({pairs}) * (head_dim + value_dim)"
# A built-in attention keeps no scores for the backward pass, only one log-sum per row, in float32.
UNSAVED_SCORES = (
    "activation_bytes - saved_score_bytes + 4 * batch * num_heads * q_len "
    "if saved_score_bytes > 0 else activation_bytes"
)


def pair_costs(pairs: str) -> Mapping[str, str]:
    """Costs of an attention that works on fewer pairs of query and key.

    Args:
        pairs: Formula of the pairs per head, "q_len * min(window_size, kv_len)".
    """
    return core_costs(_PAIRS.format(pairs=pairs))


def core_costs(core: str) -> Mapping[str, str]:
    """Costs of an attention whose core takes other FLOPs; its projections stay.

    Args:
        core: Formula of the core's FLOPs.
    """
    return {
        "flops_core": core,
        "flops_forward": f"flops_forward - flops_core + {core}",
        "activation_bytes": UNSAVED_SCORES,
    }


def cache_costs(factor: str) -> Mapping[str, str]:
    """Costs of an attention whose cache holds less for every token.

    Args:
        factor: Formula of what is left, "groups / num_kv_heads".
    """
    metrics = ("kv_cache_bytes_per_token", "kv_cache_bytes", "cross_kv_bytes")
    return {metric: f"{metric} * {factor}" for metric in metrics}


def state_costs(core: str, width: str = "head_dim") -> Mapping[str, str]:
    """Costs of an attention that keeps one matrix per head in place of keys and values.

    Args:
        core: Formula of the core's FLOPs.
        width: Formula of the rows of the matrix; it has value_dim columns.
    """
    element_bytes = "kv_cache_bytes_per_token / (num_kv_heads * (head_dim + value_dim))"
    return {
        **core_costs(core),
        "kv_cache_bytes_per_token": "0 * kv_cache_bytes_per_token",
        "kv_cache_bytes": f"{element_bytes} * num_heads * {width} * value_dim",
    }
