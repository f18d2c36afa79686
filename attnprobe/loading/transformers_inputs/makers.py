"""Which makers an argument has: by its name, or by what its name ends in."""

from __future__ import annotations

from attnprobe.loading.transformers_inputs import audio, series, text, vision
from attnprobe.loading.transformers_inputs.draft import Maker

_BY_NAME = {**text.MAKERS, **vision.MAKERS, **audio.MAKERS, **series.MAKERS}


def makers_of(name: str) -> tuple[Maker, ...]:
    """The makers of an argument, likeliest layout first; none for a name that says nothing."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.endswith(("input_ids", "task_inputs")):
        return (text.other_ids(name),)
    if name.endswith("mask"):
        return (text.ones_like_ids(name),)
    if name.endswith(("embeds", "hidden_states", "latents")):
        return (text.states(name),)
    return ()


def order_of(name: str) -> tuple[bool, bool, str]:
    """Sort key: pixels and sound, then ids (they make room for placeholders), then the decoder's ids."""
    return name.startswith("decoder"), name in text.MAKERS, name
