"""Pixels as patches: flattened with the grid of each image, or padded with the place of each patch."""

from __future__ import annotations

import torch

from attnprobe.loading.transformers_inputs.draft import Draft, Made
from attnprobe.loading.transformers_inputs.image_shape import (
    CHANNEL_NAMES,
    GRIDS,
    image_shape,
    size_in_vision,
)

_PER_SIDE = 8  # patches along each side of an image that the model takes in any size


def patches(draft: Draft) -> Made | None:
    """[patches of all images, C * time * P * P] with the grid of each image, [B, (time, rows, columns)]."""
    facts = draft.facts
    if not facts.has(*GRIDS):
        return None
    side = size_in_vision(facts, "patch_size", "spatial_patch_size", default=14)
    merge = size_in_vision(
        facts, "spatial_merge_size", "merge_size", "merge_kernel_size", "downsample_ratio", default=2
    )
    time = size_in_vision(facts, "temporal_patch_size", default=1)
    per_side = max(_PER_SIDE // merge, 2) * merge
    width = size_in_vision(facts, *CHANNEL_NAMES, default=3) * time * side * side
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
    side, channels = (
        size_in_vision(facts, "patch_size", default=14),
        size_in_vision(facts, *CHANNEL_NAMES, default=3),
    )
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
        size_in_vision(facts, "patch_size", "model_patch_size", default=16),
        size_in_vision(facts, *CHANNEL_NAMES, default=3),
    )
    pool = size_in_vision(facts, "pooling_kernel_size", default=1)
    per_side = _PER_SIDE * 2 // pool * pool if pool > 1 else _PER_SIDE * 2
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


def masked_patches(draft: Draft) -> Made:
    """[B, N]: which patches are hidden; every second one."""
    facts = draft.facts
    _, height, width = image_shape(draft)
    side = size_in_vision(facts, "patch_size", default=16)
    count = height // side * (width // side)
    if facts.size("num_frames") and facts.size("tubelet_size"):
        count *= facts.size("num_frames") // facts.size("tubelet_size")
    hidden = (torch.arange(count) % 2).bool().expand(facts.batch_size, count).clone()
    return Made({"bool_masked_pos": hidden}, "every second patch is masked")
