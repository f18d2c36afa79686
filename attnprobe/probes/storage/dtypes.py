"""Sizes of dtypes by name, without torch."""

from __future__ import annotations

from attnprobe.errors import InternalError

_BYTES = {
    "bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8,
    "int64": 8, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex32": 4, "complex64": 8,
    "complex128": 16, "qint8": 1, "quint8": 1, "qint32": 4,
}  # fmt: skip


def itemsize(dtype: str) -> float:
    """Bytes of one element, e.g. 2 for "bfloat16".

    Raises:
        InternalError: A dtype of that name is not known.
    """
    if dtype.startswith(("float8", "bits8")):
        return 1
    if dtype.startswith(("float4", "int4", "uint4")):
        return 0.5
    if dtype not in _BYTES:
        raise InternalError(f"the size of the dtype '{dtype}' is not known")
    return _BYTES[dtype]


def is_floating(dtype: str) -> bool:
    """Whether gradients flow through tensors of this dtype."""
    return dtype.startswith(("float", "bfloat", "complex"))
