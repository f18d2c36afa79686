"""Targets `program.pt2`: what torch.export saved."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnprobe.errors import TargetError
from attnprobe.loading.building.recipe import Loader, Proposal, Proposals, Recipe
from attnprobe.loading.building.user_code import described, relative, shown
from attnprobe.loading.inputs.fill import id_limit
from attnprobe.loading.inputs.sampling import Sampler
from attnprobe.records import ScanOptions

_MAX_INFLATION = 64  # weights hardly compress; a file that grows more than this is no program


def matches(target: str) -> bool:
    """Whether it ends in `.pt2`."""
    return target.endswith(".pt2")


def recipe(options: ScanOptions) -> Recipe:
    """Load the program; its module, and the inputs that it was exported with."""
    path = Path(options.target)
    _check(path)
    try:
        program = torch.export.load(path)
    except Exception as error:
        raise TargetError(
            f"{relative(path)} is no program that torch {torch.__version__} can load: {described(error)}",
            hint="Export it again with torch.export.save under this version of torch.",
        ) from error
    return Recipe(
        entry=relative(path),
        build=lambda: _module_of(program),
        propose=lambda module, sampler: _propose(program, module, sampler),
        can_build_fake=False,
        guessed=_fixed_sizes(options),
    )


def _check(path: Path) -> None:
    if not path.is_file():
        raise TargetError(f"{shown(path)} is not a file")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise TargetError(f"{relative(path)} is not a torch.export program: {described(error)}") from error
    if unpacked > _MAX_INFLATION * max(path.stat().st_size, 2**20):
        raise TargetError(
            f"{relative(path)} would unpack to {unpacked:,} bytes, which no program of its size does"
        )


def _module_of(program: Any) -> nn.Module:
    module: nn.Module = program.module()
    return module


def _fixed_sizes(options: ScanOptions) -> tuple[str, ...]:
    if options.batch_size is None and options.seq_len is None:
        return ()
    return (
        "--batch-size and --seq-len do not apply: a program is called with the sizes it was exported with.",
    )


def _propose(program: Any, module: nn.Module, sampler: Sampler) -> Proposals:
    if program.example_inputs is not None:
        args, kwargs = program.example_inputs
        notes = {str(index): "the example that the program was exported with" for index in range(len(args))}
        notes |= dict.fromkeys(kwargs, "the example that the program was exported with")
        yield Proposal(args=tuple(args), kwargs=dict(kwargs), notes=notes, is_certain=True, is_given=True)
        return
    tensors = tuple(_like(value, module, sampler) for value in _placeholders(program))
    yield Proposal(args=tensors, notes={str(i): "random, in the exported shape" for i in range(len(tensors))})


def _placeholders(program: Any) -> Iterator[torch.Tensor]:
    names = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in names:
            yield node.meta["val"]


def _like(value: torch.Tensor, module: nn.Module, sampler: Sampler) -> torch.Tensor:
    shape = tuple(int(size) if isinstance(size, int) else int(size.node.hint) for size in value.shape)
    if value.dtype.is_floating_point:
        return sampler.floats(*shape, dtype=value.dtype)
    return sampler.ids(*shape, high=id_limit(module)).to(value.dtype)


loader = Loader(forms=("program.pt2",), matches=matches, recipe=recipe)
