"""The terminal summary on a stream, whatever the stream can show."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import TYPE_CHECKING, TextIO

from attnprobe.records import Scan
from attnprobe.report.parts.catalogue import check_language
from attnprobe.report.parts.outcomes import is_judged

if TYPE_CHECKING:
    from rich.console import RenderableType

NARROWEST, PLAIN_WIDTH = 40, 110

# Our own signs, for a stream that is not Unicode. Names that it cannot write become escapes.
_ASCII = str.maketrans(
    {
        "✓": "+",
        "·": "-",
        "×": "x",
        "–": "-",
        "−": "-",
        "…": "~",
        "√": "v",
        "µ": "u",
        "→": ">",
        "’": "'",
        "≤": "<=",  # one column more: another sign would be another limit
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "▲": "^",
        "▼": "v",
    }
)

# What a CI runner obeys when it reads a log: "::error::" at the start of a line, "##[" anywhere in it.
_WORKFLOW_COMMAND = re.compile(r"^\s*::|##(?=\[|vso\[)")


def summary_text(
    scan: Scan,
    language: str,
    *,
    width: int = PLAIN_WIDTH,
    is_colored: bool = False,
    has_stages: bool = True,
) -> str:
    """The whole summary.

    Args:
        scan: What to show.
        language: "en" or "zh".
        width: In columns; from 40.
        is_colored: With ANSI colours.
        has_stages: With the stages and their seconds; needless where progress has just shown them.
    """
    from rich.text import Text

    from attnprobe.report.summary.blocks import Voice, checks, doubts, header, stages, verdict
    from attnprobe.report.summary.costs import cost_table, group_table
    from attnprobe.report.summary.findings import findings_block
    from attnprobe.report.summary.health import has_health, health_table

    voice = Voice(check_language(language), max(width, NARROWEST))
    blocks = [header(scan, voice)]
    blocks += [stages(scan, voice)] if scan.stages and has_stages else []
    blocks += [Text()] if len(blocks) > 1 else []
    blocks.append(verdict(scan, voice))
    blocks += [Text(), cost_table(scan, voice)] if scan.cost_shares else []
    blocks += [Text(), group_table(scan, voice)] if scan.sites else []
    blocks += [Text(), health_table(scan, voice)] if has_health(scan) else []
    blocks += [Text(), checks(scan, voice), doubts(scan, voice)]
    if is_judged(scan) or scan.findings:
        blocks += [Text(), findings_block(scan, voice)]
    return drawn(blocks, voice.width, is_colored=is_colored)


def drawn(blocks: Iterable[RenderableType], width: int, *, is_colored: bool) -> str:
    """Blocks one below the other as text; no markup in them is read, no line is a command to a CI runner."""
    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out,
        width=width,
        color_system="standard" if is_colored else None,
        force_terminal=is_colored,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for block in blocks:
        console.print(block)
    lines = [_WORKFLOW_COMMAND.sub(_escaped, line.rstrip()) for line in out.getvalue().splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def print_summary(
    scan: Scan,
    stream: TextIO,
    language: str,
    *,
    is_colored: bool | None = None,
    has_stages: bool = True,
) -> None:
    """Write the summary to a stream, in its width, its encoding and, on a terminal, in colour."""
    colored = wants_color(stream, os.environ) if is_colored is None else is_colored
    width = stream_width(stream)
    text = summary_text(scan, language, width=width, is_colored=colored, has_stages=has_stages)
    stream.write(fitted(text, stream.encoding or "utf-8"))


def wants_color(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether colours would be seen, and are wanted (NO_COLOR, TERM=dumb)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def stream_width(stream: TextIO) -> int:
    """The columns of a terminal, or those that COLUMNS asks for; a fixed width for a file."""
    is_told = stream.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if is_told else PLAIN_WIDTH


def fitted(text: str, encoding: str) -> str:
    """The text in what an encoding can write: our signs by look-alikes, foreign ones as escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _escaped(match: re.Match[str]) -> str:
    return f"{match[0][:-1]}\\x{ord(match[0][-1]):02x}"
