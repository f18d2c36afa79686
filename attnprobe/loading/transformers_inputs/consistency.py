"""Default configurations of transformers that contradict themselves, made callable with all their inputs.

A default configuration is a set of defaults per part, and the parts need not fit: a placeholder may be unset
or lie beyond the vocabulary, a vision part may end in another width than the text part reads. Only
`hf:MODEL_TYPE` passes through here; a configuration from a folder is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attnprobe.loading.transformers_inputs.settings import setting

_HORIZON = 24  # steps
_VOCABULARY = 32  # of models without a tokenizer of their own, such as those of proteins
# What the published checkpoints of these types have, and their code's default sections need.
_ROTATED_SHARE = {"glm4v_text": 0.5, "glm_image_text": 0.5}
_PAD_TO = 64  # rows by which vocabularies are usually rounded up
_PLACEHOLDERS = tuple(
    f"{word}_token_{end}" for word in ("image", "video", "audio") for end in ("id", "index")
)


def made_consistent(config: Any) -> tuple[str, ...]:
    """Change `config` where its parts contradict each other; one sentence per change."""
    try:
        text = config.get_text_config()
    except (AttributeError, ValueError):
        return ()
    sentences = (*_horizon(config), *_head_dim(text), *_rope_sections(text))
    if text is config:
        return sentences
    return (*sentences, *_placeholders(config, text), *_widths(config, text))


def _horizon(config: Any) -> Iterator[str]:
    """How far a time-series model predicts has no default."""
    if setting(config, "prediction_length", 0) is None:
        config.prediction_length = _HORIZON
        config.context_length = setting(config, "context_length") or _HORIZON
        yield f"The default configuration has no prediction_length; {_HORIZON} was taken."


def _head_dim(text: Any) -> Iterator[str]:
    """A head_dim of None means the width divided by the heads, but not every model reads it so."""
    width, heads = setting(text, "hidden_size"), setting(text, "num_attention_heads")
    if setting(text, "head_dim", 0) is None and isinstance(width, int) and isinstance(heads, int):
        text.head_dim = width // heads
    if setting(text, "num_key_value_heads", 0) is None and isinstance(heads, int):
        text.num_key_value_heads = heads
    if setting(text, "vocab_size", 0) is None:
        text.vocab_size = _VOCABULARY
        yield f"The default configuration has no vocab_size; {_VOCABULARY} was taken."


def _rope_sections(text: Any) -> Iterator[str]:
    """The sections of a multimodal rotary embedding must add up to half of what is rotated."""
    rope: Any = setting(text, "rope_parameters")
    if not isinstance(rope, dict):
        return
    share = _ROTATED_SHARE.get(setting(text, "model_type", ""))
    if share is not None and "partial_rotary_factor" not in rope:
        rope["partial_rotary_factor"] = share
        yield f"The default configuration does not say how much of a head is rotated; {share} was taken."
    sections, heads = rope.get("mrope_section"), setting(text, "num_attention_heads")
    if not sections or not isinstance(heads, int):
        return
    head_dim = setting(text, "head_dim") or text.hidden_size // heads
    half = int(head_dim * rope.get("partial_rotary_factor", 1.0)) // 2
    total = sum(sections)
    if total != half and half % total == 0:
        rope["mrope_section"] = [size * (half // total) for size in sections]
        yield f"The default rotary sections add up to {total}, not to half of the head, {half}; scaled to it."


def _placeholders(config: Any, text: Any) -> Iterator[str]:
    rows = setting(text, "vocab_size")
    if not isinstance(rows, int):
        return
    unset = [name for name in _PLACEHOLDERS if name in vars(config) and setting(config, name) is None]
    ids = [setting(config, name) for name in vars(config) if name.endswith(("_token_id", "_token_index"))]
    largest = max((value for value in ids if isinstance(value, int)), default=0)
    for name in unset:
        largest = max(largest + 1, rows)
        setattr(config, name, largest)
    if largest < rows:
        return
    text.vocab_size = (largest // _PAD_TO + 1) * _PAD_TO
    yield (
        f"The default configuration has placeholder ids outside its vocabulary of {rows}; "
        f"the vocabulary was enlarged to {text.vocab_size}."
    )


def _widths(config: Any, text: Any) -> Iterator[str]:
    vision, width = setting(config, "vision_config"), setting(text, "hidden_size")
    if vision is None or not isinstance(width, int):
        return
    # Where a vision part has its own `embed_dim`, `hidden_size` is the width that it hands over.
    name = "out_hidden_size" if hasattr(vision, "out_hidden_size") else "hidden_size"
    if name == "hidden_size" and not hasattr(vision, "embed_dim"):
        return
    before = setting(vision, name)
    if isinstance(before, int) and before != width:
        setattr(vision, name, width)
        yield f"The default vision part ends in width {before}; it was changed to the text part's, {width}."
