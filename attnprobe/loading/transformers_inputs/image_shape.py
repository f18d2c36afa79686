"""The size of an image that a configuration states."""

from __future__ import annotations

from attnprobe.loading.transformers_inputs.draft import Draft
from attnprobe.loading.transformers_inputs.facts import Facts

CHANNEL_NAMES = ("num_channels", "in_channels", "in_chans", "channels", "num_input_channels")
GRIDS = ("image_grid_thw", "grid_thw", "image_grid_hw", "grid_hws", "grid_hw")
_SIDE_NAMES = ("image_size", "img_size", "input_size", "pretrain_image_size", "crop_size", "max_img_size")


def image_shape(draft: Draft) -> tuple[int, int, int]:
    """Channels, height and width that the configuration states; 224 pixels where it states no size."""
    facts = draft.facts
    channels = size_in_vision(facts, *CHANNEL_NAMES, default=3)
    if draft.sides is not None:
        return channels, *draft.sides
    holders = (facts.vision, facts.config, *facts.parts.values())
    stated = next((sizes for holder in holders if (sizes := facts.sizes(*_SIDE_NAMES, of=holder))), ())
    ratios = getattr(facts.config, "scaled_images_ratios", None)
    if ratios:  # the image at its smallest scale is one patch
        stated = (round(facts.size("patch_size", default=224) / min(ratios)),)
    if not stated:
        return channels, 224, 224
    height, width = (stated[0], stated[0]) if len(stated) == 1 else stated[-2:]
    return channels, height, width


def size_in_vision(facts: Facts, *names: str, default: int) -> int:
    """A size of the vision part, or of any part that states it."""
    for holder in (facts.vision, facts.config, *facts.parts.values()):
        found = facts.size(*names, of=holder)
        if found:
            return found
    return default
