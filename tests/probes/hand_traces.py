"""Traces written by hand: what a capture would have seen, in full view of the test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attnprobe.records import (
    AttentionSite,
    Core,
    MemoryEvent,
    Op,
    Ref,
    ScanOptions,
    Subject,
    Tensor,
    Trace,
)

BYTES = {"float32": 4, "bfloat16": 2, "int64": 8, "bool": 1}


class Sketch:
    """Collects tensors, ops and sites; `trace()` makes the record."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []
        self.events: list[MemoryEvent] = []
        self.sites: list[AttentionSite] = []
        self.cores: list[Core] = []
        self.site_of_op: dict[int, Any] = {}
        self.parameters: dict[str, tuple[tuple[int, ...], str]] = {}

    def tensor(
        self, *shape: int, dtype: str = "float32", origin: str = "", view_of: int | None = None
    ) -> Ref:
        """A tensor in memory of its own, or a view of another one."""
        number, itemsize = len(self.tensors), BYTES[dtype]
        tensor = Tensor(number, shape, dtype, itemsize, number, 0, origin)
        tensor.storage_bytes = tensor.nbytes
        if view_of is not None:
            tensor.storage = self.tensors[view_of].storage
            tensor.storage_bytes = self.tensors[view_of].storage_bytes
        self.tensors.append(tensor)
        if origin.startswith("parameter:"):
            self.parameters[origin.removeprefix("parameter:")] = (shape, dtype)
        return Ref(number)

    def op(
        self,
        name: str,
        *arguments: Any,
        out: Iterable[Ref] = (),
        module: str = "",
        phase: Any = "forward",
        forward_op: int | None = None,
        writes: tuple[int, ...] = (),
        mask: Any = None,
        **keywords: Any,
    ) -> int:
        """One op; its index."""
        index, outputs = len(self.ops), tuple(ref.id for ref in out)
        inputs = tuple(ref.id for ref in _refs((*arguments, *keywords.values())))
        self.ops.append(
            Op(
                index, name, "", phase, arguments, keywords, inputs, outputs, module, 0, None, -1,
                forward_op, writes, mask,
            )
        )  # fmt: skip
        shared = {self.tensors[number].storage for number in inputs}
        for number in outputs:
            tensor = self.tensors[number]
            if tensor.storage not in shared and phase == "forward":
                self.events.append(MemoryEvent(index, tensor.storage, tensor.storage_bytes))
        return index

    def free(self, tensor: Ref, op: int) -> None:
        """The memory of a tensor goes while op `op` runs."""
        stored = self.tensors[tensor.id]
        self.events.append(MemoryEvent(op, stored.storage, -stored.storage_bytes))

    def site(self, core: Core, parts: dict[str, Iterable[int]], **changes: Any) -> None:
        """A site around a core; `parts` are its ops by component."""
        index = len(self.sites)
        for part, ops in parts.items():
            self.site_of_op.update(dict.fromkeys(ops, (index, part)))
        self.cores.append(core)
        self.sites.append(attention_site(core, **changes))

    def trace(self, *, forward_end: int | None = None, loss_end: int | None = None, **changes: Any) -> Trace:
        """The record. The forward ends before the first op of another phase."""
        first = next((op.index for op in self.ops if op.phase != "forward"), len(self.ops))
        end = first if forward_end is None else forward_end
        fields: dict[str, Any] = {
            "ops": tuple(self.ops),
            "tensors": tuple(self.tensors),
            "events": tuple(self.events),
            "sites": tuple(self.sites),
            "cores": tuple(self.cores),
            "site_of_op": self.site_of_op,
            "blind_spots": (),
            "module_classes": {},
            "parameters": self.parameters,
            "forward_end": end,
            "loss_end": first if loss_end is None else loss_end,
            "output_storages": frozenset(),
            "is_fake": True,
            "train": False,
            "backward": any(op.phase == "backward" for op in self.ops),
            "seconds": 0.0,
            "length_dims": {},
        }
        return Trace(**{**fields, **changes})

    def subject(self, *, options: ScanOptions | None = None, **changes: Any) -> Subject:
        """A subject that knows this trace and nothing else."""
        return Subject(trace=self.trace(**changes), options=options or ScanOptions(target="model.py"))


def _refs(values: Iterable[Any]) -> Iterable[Ref]:
    for value in values:
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, tuple):
            yield from _refs(value)


def dot_product(*, score_ops: Iterable[int], value_ops: Iterable[int] = (), **changes: Any) -> Core:
    """A core of 2 samples, 4 heads, 16 queries and keys, head_dim 8."""
    fields: dict[str, Any] = {
        "mechanism": "dot_product",
        "normaliser": "softmax",
        "role": "self",
        "score_ops": tuple(score_ops),
        "value_ops": tuple(value_ops),
        "inner_ops": (),
        "query": None,
        "key": None,
        "value": None,
        "output": 0,
        "batch": 2,
        "windows": 1,
        "num_heads": 4,
        "num_kv_heads": 4,
        "head_dim": 8,
        "value_dim": 8,
        "q_len": 16,
        "kv_len": 16,
        "scale": None,
        "dropout": 0.0,
        "mask_ops": (),
        "is_causal_flag": False,
        "kernel": "unfused",
    }
    return Core(**{**fields, **changes})


def attention_site(core: Core, **changes: Any) -> AttentionSite:
    """The site of a core: "attn", not causal, everything visible."""
    fields: dict[str, Any] = {
        "id": "attn",
        "module": "attn",
        "module_class": "Attention",
        "call": 0,
        "is_causal": core.is_causal_flag,
        "window_left": None,
        "window_right": None,
        "visible_share": 1.0,
        "projections": {},
        "projection_rows": {},
        "location": None,
        "group": "attn",
    }
    shared = (
        "mechanism", "normaliser", "role", "kernel", "num_heads", "num_kv_heads", "head_dim", "value_dim",
        "batch", "windows", "q_len", "kv_len", "scale", "dropout",
    )  # fmt: skip
    fields.update({name: getattr(core, name) for name in shared})
    return AttentionSite(**{**fields, **changes})
