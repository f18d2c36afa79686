"""Which built-in attentions would help where, and what they would save by the formula. No torch."""

from attnprobe.suggesting.modelling.choosing import suggest

__all__ = ["suggest"]
