"""A core or a module under test, behind one interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask

TOLERANCES: Mapping[torch.dtype, float] = {
    torch.float64: 1e-10,
    torch.float32: 1e-5,
    torch.bfloat16: 3e-2,
    torch.float16: 6e-3,
}
_NOISE = 0.1  # parameters are moved by so much: a gate that starts shut would hide what is behind it


@dataclass
class Specimen:
    """What the checks know of the thing under test. `run(copy, inputs, mask)` calls a copy of it."""

    module: nn.Module
    lengths: Sequence[int]
    only: bool | None
    own_tolerances: Mapping[torch.dtype, float] | None
    device: str
    _copies: dict[torch.dtype, nn.Module] = field(default_factory=dict, init=False)

    @property
    def name(self) -> str:
        """Of its class."""
        return type(self.module).__name__

    @property
    def supports(self) -> frozenset[str]:
        """In the words of `Core.supports`."""
        raise NotImplementedError

    @property
    def has_sequences(self) -> bool:
        """Whether inputs are sequences, so that masks make sense."""
        return True

    @property
    def modes(self) -> tuple[bool, ...]:
        """Causal and not, as far as supported and asked for."""
        modes = [mode for mode, word in ((True, "causal"), (False, "bidirectional")) if word in self.supports]
        return tuple(mode for mode in modes if self.only is None or mode is self.only)

    def tolerance(self, dtype: torch.dtype) -> float:
        """Relative to the largest entry expected."""
        return {**TOLERANCES, **(self.own_tolerances or {})}[dtype]

    def copy(self, dtype: torch.dtype = torch.float64) -> Any:
        """The thing in a dtype, in evaluation, its parameters moved; the same values in every dtype."""
        if dtype not in self._copies:
            copy = deepcopy(self.module).to(self.device).eval()
            generator = torch.Generator().manual_seed(0)
            with torch.no_grad():
                for parameter in copy.parameters():
                    noise = torch.randn(parameter.shape, generator=generator) * _NOISE
                    parameter.add_(noise.to(parameter))
            self._copies[dtype] = copy.to(dtype)
        return self._copies[dtype]

    def random(self, *shape: int, dtype: torch.dtype, seed: int) -> Tensor:
        """Normal numbers; the same values, rounded, in every dtype."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, generator=generator).to(self.device, dtype)

    def inputs(
        self, q_len: int, kv_len: int | None = None, *, dtype: torch.dtype = torch.float64, **shape: int
    ) -> tuple[Tensor, ...]:
        """Inputs of so many queries and keys; `shape` may set batch, seed, and groups, value_dim of cores."""
        raise NotImplementedError

    def run(self, copy: Any, inputs: tuple[Tensor, ...], mask: Mask) -> Tensor:
        """[B, H, L, D] or [B, L, E]."""
        raise NotImplementedError

    def reference(self, copy: Any, inputs: tuple[Tensor, ...], mask: Mask) -> Tensor | None:
        """By the formula; None: there is none."""
        raise NotImplementedError

    def decode(
        self, copy: Any, inputs: tuple[Tensor, ...], cache: Cache, padding: Tensor | None = None
    ) -> Tensor:
        """The next tokens; `padding` comes with the first."""
        raise NotImplementedError

    def groupings(self) -> tuple[dict[str, Any], ...]:
        """The usual shape, and those beyond it."""
        return ({},)

    def samples(
        self, dtype: torch.dtype, lengths: Sequence[int] = (33,), batch: int = 2
    ) -> Iterator[tuple[str, tuple[Tensor, ...], Mask]]:
        """Name, inputs and mask of one call per mode and length."""
        for mode in self.modes:
            for length in lengths:
                name = f"length {length}{', causal' if mode else ''}"
                yield name, self.inputs(length, dtype=dtype, batch=batch), Mask(is_causal=mode)


@dataclass
class CoreSpecimen(Specimen):
    """A core: inputs are query, key and value."""

    num_heads: int = 4
    head_dim: int = 8

    @property
    def supports(self) -> frozenset[str]:
        """What the core declares."""
        declared: frozenset[str] = self.module.supports  # type: ignore[assignment]
        return declared

    def inputs(
        self, q_len: int, kv_len: int | None = None, *, dtype: torch.dtype = torch.float64, **shape: int
    ) -> tuple[Tensor, ...]:
        """Query, key, value; heads lie behind tokens in memory, as a projection leaves them."""
        keys = q_len if kv_len is None else kv_len
        batch, groups = shape.get("batch", 2), shape.get("groups", self.num_heads)
        sizes = (
            (batch, q_len, self.num_heads, self.head_dim),
            (batch, keys, groups, self.head_dim),
            (batch, keys, groups, shape.get("value_dim", self.head_dim)),
        )
        seed = 10 * shape.get("seed", 0)
        return tuple(
            self.random(*size, dtype=dtype, seed=seed + number).transpose(1, 2)
            for number, size in enumerate(sizes)
        )

    def run(self, copy: Any, inputs: tuple[Tensor, ...], mask: Mask) -> Tensor:
        """[B, H, L, Dv]."""
        out: Tensor = copy(*inputs, mask)
        return out

    def reference(self, copy: Core, inputs: tuple[Tensor, ...], mask: Mask) -> Tensor:
        """The core's own, at the usual scale."""
        query, key, value = inputs
        return copy.reference(query, key, value, mask, copy.usual_scale(query.shape[-1]))

    def decode(
        self, copy: Core, inputs: tuple[Tensor, ...], cache: Cache, padding: Tensor | None = None
    ) -> Tensor:
        """`Core.decode`."""
        if padding is not None:
            cache.padding = padding
        query, key, value = inputs
        return copy.decode(query, key, value, cache)

    def groupings(self) -> tuple[dict[str, Any], ...]:
        """Fewer key-value heads, and values of another width."""
        counts = [n for n in range(1, self.num_heads) if self.num_heads % n == 0]
        grouped: list[dict[str, Any]] = [{"groups": n} for n in counts] if "grouped" in self.supports else []
        return ({}, {"value_dim": self.head_dim + 4}, *grouped)


@dataclass
class ModuleSpecimen(Specimen):
    """An attention module: inputs are x, or x and a context."""

    embed_dim: int = 32
    context_dim: int | None = None
    shapes: tuple[tuple[int, ...], ...] = ()
    declared: frozenset[str] | None = None

    @property
    def supports(self) -> frozenset[str]:
        """What was given, or what the module declares."""
        if self.declared is not None:
            return self.declared
        return frozenset(getattr(self.module, "supports", ()))

    @property
    def has_sequences(self) -> bool:
        """Not where shapes were given."""
        return not self.shapes

    def inputs(
        self, q_len: int, kv_len: int | None = None, *, dtype: torch.dtype = torch.float64, **shape: int
    ) -> tuple[Tensor, ...]:
        """x, and a context where the number of keys is given."""
        batch, seed = shape.get("batch", 2), 10 * shape.get("seed", 0)
        x = self.random(batch, q_len, self.embed_dim, dtype=dtype, seed=seed)
        if kv_len is None:
            return (x,)
        return x, self.random(batch, kv_len, self.context_dim or self.embed_dim, dtype=dtype, seed=seed + 1)

    def samples(
        self, dtype: torch.dtype, lengths: Sequence[int] = (33,), batch: int = 2
    ) -> Iterator[tuple[str, tuple[Tensor, ...], Mask]]:
        """Where shapes were given: one call each."""
        if not self.shapes:
            yield from super().samples(dtype, lengths, batch)
        for shape in self.shapes:
            yield f"{list(shape)}", (self.random(batch, *shape[1:], dtype=dtype, seed=1),), Mask()

    def run(self, copy: Any, inputs: tuple[Tensor, ...], mask: Mask) -> Tensor:
        """[B, L, E]; a map is called without a mask."""
        out: Tensor = copy(*inputs) if self.shapes else copy(*inputs, mask=mask)
        return out

    def reference(self, copy: Any, inputs: tuple[Tensor, ...], mask: Mask) -> Tensor | None:
        """The module's own, where it has one."""
        if not hasattr(copy, "reference"):
            return None
        out: Tensor = copy.reference(*inputs) if self.shapes else copy.reference(*inputs, mask=mask)
        return out

    def decode(
        self, copy: Any, inputs: tuple[Tensor, ...], cache: Cache, padding: Tensor | None = None
    ) -> Tensor:
        """A call with a cache."""
        out: Tensor = copy(*inputs, mask=Mask(is_causal=True, padding=padding), cache=cache)
        return out


def replaced(mask: Mask, **changes: Any) -> Mask:
    """A mask with some fields changed."""
    return Mask(**{each.name: getattr(mask, each.name) for each in fields(mask)} | changes)
