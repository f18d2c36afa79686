"""The table of operators and kernels of a trace file, as torch-tb-profiler reads it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One operator or kernel, summed over its calls."""

    name: str
    calls: int
    self_ms: float  # without what it called


@dataclass(frozen=True, slots=True)
class RunTable:
    """Operators by their own time on the host, kernels by their time on the GPU; the costliest first."""

    operators: tuple[Row, ...]
    kernels: tuple[Row, ...]
    views: tuple[str, ...]  # the pages that TensorBoard would show


def read_table(trace: Path) -> RunTable:
    """Read a trace that torch's profiler exported.

    torch-tb-profiler is no longer maintained; its parser still reads what torch 2.13 writes, and is used here
    in this process instead of the worker processes that its TensorBoard plugin starts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch_tb_profiler.profiler.data import RunProfileData
        from torch_tb_profiler.profiler.run_generator import RunGenerator

        data = RunProfileData.parse(trace.name, 1, str(trace), str(trace.parent))
        profile = RunGenerator(trace.name, 1, data).generate_run_profile()
    operators = [
        Row(row["name"], row["calls"], row["host_self_duration"] / 1e3)
        for row in (profile.operation_table_by_name or {}).get("data", ())
    ]
    return RunTable(
        operators=_sorted(operators),
        kernels=_sorted(_kernels(profile.kernel_table)),
        views=tuple(view.display_name for view in profile.views),
    )


def _kernels(table: dict[str, dict[str, list[list[object]]]] | None) -> list[Row]:
    if not table:
        return []
    columns = [column["name"] for column in table["data"]["columns"]]  # type: ignore[call-overload]
    rows = [dict(zip(columns, row, strict=True)) for row in table["data"]["rows"]]
    return [Row(str(row["Name"]), int(row["Calls"]), float(row["Total Duration (us)"]) / 1e3) for row in rows]


def _sorted(rows: list[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: -row.self_ms))
