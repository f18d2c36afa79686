"""python -m benchmarks.attention.run: the table of speeds, ratios to torch's SDPA in the same run.

Peers are installed into a folder of their own first (pip, no dependencies); `--no-peers` leaves them out.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from benchmarks.attention.contests import BASE, CONTESTS, WIDTH, Contest
from benchmarks.attention.measuring import ROUNDS, Cost, costs

RESULTS = Path(__file__).resolve().parent.parent / "results" / "attention.md"
_HEAD = "| mechanism | whose | {lengths} |"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1024, 4096, 8192])
    parser.add_argument("--only", nargs="*", default=[], help="names of mechanisms")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    given = parser.parse_args()
    torch.set_num_threads(1)
    contests = [each for each in CONTESTS if not given.only or each.name.split()[0].strip(",") in given.only]
    with tempfile.TemporaryDirectory() as folder:
        if not given.no_peers:
            _install(folder)
        rows = [_row(each, given.lengths, with_peers=not given.no_peers) for each in contests]
    table = _table([line for row in rows for line in row], given.lengths)
    print(table)
    if given.write:
        RESULTS.write_text(table)


def _install(folder: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    subprocess.run([*command, "-r", str(Path(__file__).parent / "peers.txt")], check=True)
    sys.path.append(folder)
    importlib.invalidate_caches()


def _row(contest: Contest, lengths: list[int], *, with_peers: bool) -> list[tuple[str, str, list[str]]]:
    """Ours, and the peer's: forward and forward with backward, as ratios to SDPA."""
    cells: dict[str, list[str]] = {}
    for length in lengths:
        torch.manual_seed(0)
        layers: dict[str, nn.Module] = {"SDPA": BASE(length), "attnprobe": contest.ours(length)}
        if with_peers and contest.peer is not None:
            layers["peer"] = contest.peer(length)
        taken = costs(layers, torch.randn(1, length, WIDTH), rounds=ROUNDS.get(length, 3))
        for name in layers:
            if name != "SDPA":
                cells.setdefault(name, []).append(_ratios(taken, name))
        print(contest.name, length, {name: each[-1] for name, each in cells.items()}, file=sys.stderr)
    bar = "" if contest.bar is None else f" (bar at 4,096: {contest.bar:.2f})"
    return [(contest.name + (bar if who == "attnprobe" else ""), who, each) for who, each in cells.items()]


def _ratios(taken: Mapping[str, Cost], name: str) -> str:
    base, own = taken["SDPA"], taken[name]
    return f"{own.forward / base.forward:.2f} / {own.training / base.training:.2f}"


def _table(rows: list[tuple[str, str, list[str]]], lengths: list[int]) -> str:
    head = _HEAD.format(lengths=" | ".join(f"{length:,}" for length in lengths))
    lines = [head, "|---|---|" + "--:|" * len(lengths)]
    lines += [f"| {name} | {who} | {' | '.join(cells)} |" for name, who, cells in rows]
    machine = f"torch {torch.__version__}, CPU, 1 thread, fp32, batch 1, width {WIDTH}, 8 heads, whole layers"
    return "\n".join(
        (
            "# Speed of the built-in attentions",
            "",
            f"Ratios of CPU time to torch's SDPA in the same run: forward / forward and backward. {machine}.",
            "",
            *lines,
            "",
        )
    )


if __name__ == "__main__":
    main()
