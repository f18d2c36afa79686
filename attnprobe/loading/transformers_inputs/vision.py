"""Arguments that hold pixels, as images, clips or flattened patches."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made, Maker
from attnprobe.loading.transformers_inputs.facts import Facts

_SIDE_NAMES = ("image_size", "img_size", "input_size", "pretrain_image_size", "crop_size")
_CHANNEL_NAMES = ("num_channels", "in_channels", "in_chans", "channels", "num_input_channels")
_GRIDS = ("image_grid_thw", "grid_thw", "image_grid_hw", "grid_hws", "grid_hw")
_PATCH_SIDE = 8  # patches along each side of an image that the model takes in any size


def image_shape(draft: Draft) -> tuple[int, int, int]:
    """Channels, height and width that the configuration states; 224 pixels where it states no size."""
    facts = draft.facts
    channels = _of(facts, *_CHANNEL_NAMES, default=3)
    if draft.sides is not None:
        return channels, *draft.sides
    stated = facts.sizes(*_SIDE_NAMES, of=facts.vision) or facts.sizes(*_SIDE_NAMES)
    if not stated:
        return channels, 224, 224
    height, width = (stated[0], stated[0]) if len(stated) == 1 else stated[-2:]
    return channels, height, width


def images(draft: Draft) -> Made | None:
    """[B, C, H, W]; not for models that take patches or tiles."""
    return None if _takes_parts(draft.facts) else _images(draft)


def _takes_parts(facts: Facts) -> bool:
    return facts.has(
        *_GRIDS, "spatial_shapes", "aspect_ratio_ids", "pixel_position_ids", "image_position_ids"
    )


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


def frames(draft: Draft) -> Made | None:
    """[B, T, C, H, W]."""
    return None if _takes_parts(draft.facts) else _frames(draft, "pixel_values")


def video_frames(draft: Draft) -> Made:
    """[B, T, C, H, W]."""
    return _frames(draft, "pixel_values_videos")


def _frames(draft: Draft, name: str) -> Made:
    facts = draft.facts
    count = _of(
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


def patches(draft: Draft) -> Made | None:
    """[patches of all images, C * time * P * P] with the grid of each image, [B, (time, rows, columns)]."""
    facts = draft.facts
    if not facts.has(*_GRIDS):
        return None
    side = _of(facts, "patch_size", "spatial_patch_size", default=14)
    merge = _of(facts, "spatial_merge_size", "merge_size", "merge_kernel_size", "downsample_ratio", default=2)
    time = _of(facts, "temporal_patch_size", default=1)
    per_side = max(_PATCH_SIDE // merge, 2) * merge
    width = _of(facts, *_CHANNEL_NAMES, default=3) * time * side * side
    count = facts.batch_size
    flat = facts.sampler.floats(count * per_side * per_side, width)
    grid = torch.tensor([[1, per_side, per_side]] * count)
    merges = torch.full((count,), merge)
    names = ("pixel_values", "hidden_states")
    grids = {
        "image_grid_thw": grid,
        "grid_thw": grid,
        "image_grid_hw": grid[:, 1:],
        "grid_hws": grid[:, 1:],
        "grid_hw": grid[:, 1:],
    }
    return Made(
        {**dict.fromkeys(names, flat), **grids, "merge_sizes": merges, "image_merge_sizes": merges},
        f"random patches, {per_side} x {per_side} per image",
    )


def square_patches(draft: Draft) -> Made | None:
    """[patches, C, P, P] with the grids: the same, not flattened."""
    made = patches(draft)
    if made is None:
        return None
    facts = draft.facts
    side, channels = _of(facts, "patch_size", default=14), _of(facts, *_CHANNEL_NAMES, default=3)
    flat = made.values["pixel_values"]
    if flat.shape[1] != channels * side * side:
        return None
    square = flat.view(-1, channels, side, side)
    return Made({**made.values, "pixel_values": square, "hidden_states": square}, made.note)


def padded_patches(draft: Draft) -> Made | None:
    """[B, N, C * P * P] with the shape of each image in patches, or the position of each patch."""
    facts = draft.facts
    shapes = facts.has("spatial_shapes", "pixel_attention_mask")
    positions = [name for name in ("pixel_position_ids", "image_position_ids") if facts.has(name)]
    if not shapes and not positions:
        return None
    side, channels = (
        _of(facts, "patch_size", "model_patch_size", default=16),
        _of(facts, *_CHANNEL_NAMES, default=3),
    )
    pool = _of(facts, "pooling_kernel_size", default=1)
    per_side = _PATCH_SIDE * 2 // pool * pool if pool > 1 else _PATCH_SIDE * 2
    count = per_side * per_side
    grid = torch.stack(torch.meshgrid(torch.arange(per_side), torch.arange(per_side), indexing="xy"), dim=-1)
    where = grid.reshape(1, count, 2).expand(facts.batch_size, -1, -1).clone()
    return Made(
        {
            "pixel_values": facts.sampler.fractions(facts.batch_size, count, channels * side * side),
            "pixel_attention_mask": torch.ones(facts.batch_size, count, dtype=torch.int64),
            "spatial_shapes": torch.tensor([[per_side, per_side]] * facts.batch_size),
            **dict.fromkeys(positions, where),
        },
        f"random patches, {per_side} x {per_side} per image",
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
    batch, tiles = draft.facts.batch_size, _of(draft.facts, "max_num_tiles", default=4)
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
    count = _of(facts, "max_num_tiles", default=4)
    values = facts.sampler.floats(facts.batch_size, 1, count, channels, height, width)
    return Made(
        {"pixel_values": values, **aspect_ratios(draft).values},
        f"random pixels, {count} tiles of {height} x {width}",
    )


def masked_patches(draft: Draft) -> Made:
    """[B, N]: which patches are hidden; every second one."""
    facts = draft.facts
    _, height, width = image_shape(draft)
    side = _of(facts, "patch_size", default=16)
    count = height // side * (width // side)
    if facts.size("num_frames") and facts.size("tubelet_size"):
        count *= facts.size("num_frames") // facts.size("tubelet_size")
    hidden = (torch.arange(count) % 2).bool().expand(facts.batch_size, count).clone()
    return Made({"bool_masked_pos": hidden}, "every second patch is masked")


def prompt_pair(draft: Draft) -> Made:
    """A prompt image and its mask beside the image, each [B, C, H, W]."""
    values = _images(draft).values["pixel_values"]
    return Made({"prompt_pixel_values": values.clone(), "prompt_masks": values.clone()}, "random pixels")


def _of(facts: Facts, *names: str, default: int) -> int:
    """A size of the vision part, or of any part that states it."""
    for holder in (facts.vision, facts.config, *facts.parts.values()):
        found = facts.size(*names, of=holder)
        if found:
            return found
    return default


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    "pixel_values": (tiles, patches, square_patches, padded_patches, images, image_lists, frames),
    "pixel_values_videos": (video_frames,),
    "hidden_states": (patches, square_patches),
    "pixel_mask": (pixel_mask,),
    "image_sizes": (image_sizes,),
    "aspect_ratio_ids": (aspect_ratios,),
    "bool_masked_pos": (masked_patches,),
    "prompt_pixel_values": (prompt_pair,),
}
