"""What a mask lets through, read from its values while they are at hand."""

from __future__ import annotations

import weakref
from typing import Any, Literal

import torch
from torch._subclasses.fake_tensor import FakeTensor

from attnprobe.records import MaskSummary

_HIDDEN = -1e4  # an additive mask's entry at or below hides its key
_MAX_ELEMENTS = 2**27
_FEW = 257
# what True means, how a float mask meets the scores, that it multiplies
Use = Literal["shows", "hides", "added", "subtracted", "multiplied"]
_Key = tuple[int, int, tuple[int, ...], Use]  # address, version, shape and strides, use


class MaskReader:
    """Summarises the mask among an op's arguments; the same mask for many layers is read once."""

    def __init__(self) -> None:
        self._known: dict[_Key, tuple[weakref.ref[Any], MaskSummary | None]] = {}

    def read(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], steering: list[torch.Tensor]
    ) -> MaskSummary | None:
        """The summary of the mask that the op `name` applies; None when it applies none that can be read.

        Args:
            name: ATen name without overload, e.g. "masked_fill".
            steering: The op's tensor arguments that were not computed from weights or floating inputs.
        """
        found = _mask_among(name, args, kwargs, steering)
        return None if found is None else self._summary(*found)

    def read_zeroing(
        self, name: str, args: tuple[Any, ...], steering: list[torch.Tensor]
    ) -> MaskSummary | None:
        """The summary of the mask by which the op sets entries to zero; None when it does not."""
        found = _zeroing_among(name, args, steering)
        if found is None or not _is_zero_one(found[0]):
            return None
        return self._summary(found[0], found[1])

    def _summary(self, mask: torch.Tensor, use: Use) -> MaskSummary | None:
        if (
            isinstance(mask, FakeTensor)
            or mask.dim() < 2
            or not 2 <= mask.numel() <= _MAX_ELEMENTS
            or mask.shape[-1] < 2
        ):
            return None
        storage = mask.untyped_storage()
        key = (mask.data_ptr(), mask._version, (*mask.shape, *mask.stride()), use)
        known = self._known.get(key)
        if known is None or known[0]() is not storage:  # another mask may lie at the address of a dead one
            known = self._known[key] = (weakref.ref(storage), _summarise(mask, use))
        return known[1]


def _mask_among(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], steering: list[torch.Tensor]
) -> tuple[torch.Tensor, Use] | None:
    """The mask tensor and how the op uses it."""

    def steers(value: Any) -> bool:
        return any(value is tensor for tensor in steering)

    if name.startswith("_scaled_dot_product") or name == "_fused_sdp_choice":
        mask = (
            kwargs.get("attn_mask")
            if "attn_mask" in kwargs
            else next((a for a in args[3:5] if steers(a)), None)
        )
        return (mask, "shows") if isinstance(mask, torch.Tensor) and steers(mask) else None
    if name in ("masked_fill", "masked_fill_") and steers(args[1]):
        return (args[1], "hides") if _is_hiding_value(args[2]) else None
    if name == "where" and len(args) == 3 and steers(args[0]):
        if _is_hiding_value(args[2]):
            return args[0], "shows"
        return (args[0], "hides") if _is_hiding_value(args[1]) else None
    if name in ("add", "add_", "sub", "sub_") and len(args) >= 2 and isinstance(args[0], torch.Tensor):
        is_sum = name.startswith("add")
        for mask in args[:2] if is_sum else args[1:2]:
            if steers(mask) and mask.is_floating_point():
                return mask, "added" if is_sum else "subtracted"
    if name == "baddbmm" and steers(args[0]) and args[0].is_floating_point():
        return args[0], "added"
    return None


def _zeroing_among(
    name: str, args: tuple[Any, ...], steering: list[torch.Tensor]
) -> tuple[torch.Tensor, Use] | None:
    """The mask tensor by which an op sets entries to zero, and how."""

    def steers(value: Any) -> bool:
        return any(value is tensor for tensor in steering)

    if name in ("mul", "mul_") and len(args) >= 2:
        mask = next((value for value in args[:2] if steers(value)), None)
        return None if mask is None else (mask, "multiplied")
    if name in ("masked_fill", "masked_fill_") and steers(args[1]) and _number(args[2]) == 0:
        return args[1], "hides"
    if name == "where" and len(args) == 3 and steers(args[0]):
        if _number(args[2]) == 0:
            return args[0], "shows"
        return (args[0], "hides") if _number(args[1]) == 0 else None
    return None


def _is_zero_one(mask: torch.Tensor) -> bool:
    """Whether all entries are 0 or 1; a few are looked at first, since positions have the shape of masks."""
    if isinstance(mask, FakeTensor) or mask.dim() < 2 or mask.shape[-1] < 2 or mask.is_complex():
        return False
    if mask.dtype == torch.bool:
        return True
    entries = mask.detach().reshape(-1)
    for some in (entries[:: max(entries.numel() // _FEW, 1)], entries):
        if not bool(((some == 0) | (some == 1)).all()):
            return False
    return True


def _is_hiding_value(value: Any) -> bool:
    number = _number(value)
    return number is not None and number <= _HIDDEN


def _number(value: Any) -> float | None:
    """The number that an argument is or holds."""
    if isinstance(value, torch.Tensor):
        if isinstance(value, FakeTensor) or value.numel() != 1 or value.is_complex():
            return None
        value = value.item()
    return value if isinstance(value, (int, float)) else None


def _summarise(mask: torch.Tensor, use: Use) -> MaskSummary | None:
    mask = mask.detach()
    if use == "subtracted":
        mask = -mask
    lowest = 0.0
    is_bias = False
    if use == "multiplied":
        visible = mask != 0
    elif mask.dtype == torch.bool or not mask.is_floating_point():
        visible = mask.bool().logical_not() if use == "hides" else mask.bool()
    else:
        lowest = float(mask.min())
        if not lowest <= _HIDDEN:
            return None
        visible = mask > _HIDDEN
        is_bias = bool((mask[visible] != 0).any()) if mask.numel() <= 2**22 else False
    q_len, kv_len = visible.shape[-2:]
    planes = visible.reshape(-1, q_len, kv_len)
    union = planes.any(0)
    left, right = _reach(union)
    rows = int(planes.any(-1).logical_not().sum())
    total = int(planes.sum())
    return MaskSummary(
        shape=tuple(mask.shape),
        dtype=str(mask.dtype).removeprefix("torch."),
        visible_share=total / planes.numel(),
        visible_pairs=total // planes.shape[0],
        is_causal=q_len > 1 and kv_len > 1 and right is not None and right <= 0,
        window_left=left if left is not None and q_len > 1 and left < kv_len - 1 else None,
        window_right=right if right is not None and q_len > 1 and 0 < right < kv_len - 1 else None,
        fully_masked_rows=rows,
        lowest=lowest,
        is_dense_bias=is_bias,
    )


def _reach(visible: torch.Tensor) -> tuple[int | None, int | None]:
    """How far the farthest visible key lies to the left and right of its query; [L, S] aligned at the end."""
    q_len, kv_len = visible.shape
    rows = visible.any(-1)
    if not bool(rows.any()):
        return None, None
    as_int = visible.to(torch.uint8)
    first = as_int.argmax(-1)
    last = kv_len - 1 - as_int.flip(-1).argmax(-1)
    own = torch.arange(q_len) + (kv_len - q_len)
    return int((own - first)[rows].max()), int((last - own)[rows].max())
