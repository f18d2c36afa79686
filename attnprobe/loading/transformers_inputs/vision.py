"""Arguments that hold pixels, as images, clips or tiles, and those that go with them."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made, Maker
from attnprobe.loading.transformers_inputs.facts import Facts
from attnprobe.loading.transformers_inputs.image_shape import GRIDS, image_shape, size_in_vision
from attnprobe.loading.transformers_inputs.patches import (
    masked_patches,
    padded_patches,
    patches,
    square_patches,
)


def images(draft: Draft) -> Made | None:
    """[B, C, H, W]; not for models that take patches or tiles."""
    return None if _takes_parts(draft.facts) else _images(draft)


def _takes_parts(facts: Facts) -> bool:
    return facts.has(*GRIDS, "spatial_shapes", "aspect_ratio_ids", "pixel_position_ids", "image_position_ids")


def _images(draft: Draft) -> Made:
    channels, height, width = image_shape(draft)
    values = draft.facts.sampler.floats(draft.facts.batch_size, channels, height, width)
    return Made({"pixel_values": values}, f"random pixels, {channels} x {height} x {width}")


def image_lists(draft: Draft) -> Made | None:
    """[B, 1, C, H, W]: models that take several images (or crops) per sample."""
    made = images(draft)
    if made is None:
        return None
    return Made(
        {"pixel_values": made.values["pixel_values"].unsqueeze(1)}, f"{made.note}, one image per sample"
    )


def image_pairs(draft: Draft) -> Made | None:
    """[B, 2, C, H, W]: models that match two images."""
    made = images(draft)
    if made is None:
        return None
    return Made(
        {"pixel_values": made.values["pixel_values"].unsqueeze(1).repeat(1, 2, 1, 1, 1)},
        f"{made.note}, in pairs",
    )


def frames(draft: Draft) -> Made | None:
    """[B, T, C, H, W]."""
    return None if _takes_parts(draft.facts) else _frames(draft, "pixel_values")


def video_frames(draft: Draft) -> Made:
    """[B, T, C, H, W]."""
    return _frames(draft, "pixel_values_videos")


def _frames(draft: Draft, name: str) -> Made:
    facts = draft.facts
    count = size_in_vision(
        facts,
        "num_frames",
        "frames_per_clip",
        "num_video_frames",
        "video_length",
        "max_num_frames",
        default=4,
    )
    channels, height, width = image_shape(draft)
    values = facts.sampler.floats(facts.batch_size, count, channels, height, width)
    return Made(
        {name: values},
        f"random clips of {count} frames, {channels} x {height} x {width}",
    )


def pixel_mask(draft: Draft) -> Made:
    """[B, H, W]: every pixel belongs to the image."""
    pixels = draft.kwargs.get("pixel_values")
    _, height, width = image_shape(draft)
    shape = tuple(pixels.shape[-2:]) if pixels is not None and pixels.dim() >= 4 else (height, width)
    return Made(
        {"pixel_mask": torch.ones(draft.facts.batch_size, *shape, dtype=torch.int64)},
        "every pixel belongs to the image",
    )


def image_sizes(draft: Draft) -> Made:
    """[B, 2]: height and width before any padding."""
    _, height, width = image_shape(draft)
    sizes = torch.tensor([[height, width]] * draft.facts.batch_size)
    return Made({"image_sizes": sizes}, "the size of the images")


def aspect_ratios(draft: Draft) -> Made:
    """One tile per image, of [B, images, tiles]."""
    batch, tiles = draft.facts.batch_size, size_in_vision(draft.facts, "max_num_tiles", default=4)
    mask = torch.zeros(batch, 1, tiles, dtype=torch.int64)
    mask[:, :, 0] = 1
    return Made(
        {"aspect_ratio_ids": torch.ones(batch, 1, dtype=torch.int64), "aspect_ratio_mask": mask},
        "one tile per image",
    )


def tiles(draft: Draft) -> Made | None:
    """[B, images, tiles, C, H, W] for models that cut an image into tiles."""
    facts = draft.facts
    if not facts.has("aspect_ratio_ids"):
        return None
    channels, height, width = image_shape(draft)
    count = size_in_vision(facts, "max_num_tiles", default=4)
    values = facts.sampler.floats(facts.batch_size, 1, count, channels, height, width)
    return Made(
        {"pixel_values": values, **aspect_ratios(draft).values},
        f"random pixels, {count} tiles of {height} x {width}",
    )


def target_sizes(draft: Draft) -> Made:
    """[B, 2]: rows and columns of patches."""
    _, height, width = image_shape(draft)
    side = size_in_vision(draft.facts, "patch_size", default=14)
    sizes = torch.tensor([[height // side, width // side]] * draft.facts.batch_size)
    return Made({"target_sizes": sizes}, "the size of the images in patches")


def prompt_pair(draft: Draft) -> Made:
    """A prompt image and its mask beside the image, each [B, C, H, W]."""
    values = _images(draft).values["pixel_values"]
    return Made({"prompt_pixel_values": values.clone(), "prompt_masks": values.clone()}, "random pixels")


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "pixel_values": (
        tiles,
        patches,
        square_patches,
        padded_patches,
        images,
        image_lists,
        image_pairs,
        frames,
    ),
    "pixel_values_videos": (video_frames,),
    "hidden_states": (patches, square_patches),
    "pixel_mask": (pixel_mask,),
    "image_sizes": (image_sizes,),
    "target_sizes": (target_sizes,),
    "aspect_ratio_ids": (aspect_ratios,),
    "bool_masked_pos": (masked_patches,),
    "prompt_pixel_values": (prompt_pair,),
}
