"""The parts of the terminal summary. Foreign text enters as `Text` objects only, never as markup."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from attnprobe.records import InputTensor, Scan
from attnprobe.report.parts.catalogue import Words, both, join, say
from attnprobe.report.parts.gaps import Gap, gaps
from attnprobe.report.parts.names import NAMES_SHOWN, metric_title, shown, signed_percent
from attnprobe.report.parts.quantities import duration, quantity
from attnprobe.report.parts.readings import is_health
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.verdict import details, headline

LABEL_WIDTH = 12
HEALTH_GAPS_SHOWN = 3
LINES_SHOWN = 8  # of any one list: the report holds the rest


@dataclass(frozen=True, slots=True)
class Voice:
    """In which language, and how wide."""

    language: str
    width: int

    @property
    def is_narrow(self) -> bool:
        """Too narrow for a table of numbers."""
        return self.width < 96

    def text(self, words: Words, style: str = "") -> Text:
        """Words as rich shows them: no markup in them is read."""
        return Text(both(words).pick(self.language).replace("\u00a0", " "), style=style)


def header(scan: Scan, voice: Voice) -> RenderableType:
    """Which tool, what was scanned, on which inputs, what was guessed."""
    work, model = scan.workload, scan.model
    tool = f" · torch {safe(scan.environment.torch)} {safe(scan.environment.device)} {safe(work.dtype)} · "
    first = voice.text("attnprobe ", "bold").append_text(voice.text(safe(scan.tool.version)))
    first.append_text(voice.text(tool, "dim")).append_text(voice.text(say(f"depth.{work.depth}"), "dim"))
    size = f"{quantity(model.parameters, '')} ({quantity(model.parameter_bytes, 'byte')})"
    entry = safe(model.entry or model.target)
    lines = [_labelled(voice, say("term.entry"), entry, say("term.parameters", size=size))]
    lines += [_input(voice, tensor, k == 0) for k, tensor in enumerate(work.inputs[:LINES_SHOWN])]
    shown_above = tuple(f"Input {given.name} is " for given in work.inputs[:LINES_SHOWN])
    guesses = [guess for guess in work.guessed if not guess.startswith(shown_above)]
    lines += [_labelled(voice, "", safe(guess, 200), style="dim") for guess in guesses[:LINES_SHOWN]]
    return Group(first, *lines)


def _input(voice: Voice, tensor: InputTensor, is_first: bool) -> RenderableType:
    shape = f"{safe(tensor.name)} {safe(tensor.dtype)}{list(tensor.shape)}"
    origin: Words = say(f"origin.{tensor.origin}")
    note = join((origin, safe(tensor.note, 200)), "list.colon") if tensor.note else origin
    return _labelled(voice, say("term.input") if is_first else "", shape, note)


def stages(scan: Scan, voice: Voice) -> RenderableType:
    """What was done and how long it took."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for stage in scan.stages:
        mark = Text("  ✓", "green") if stage.ok else Text("  !", "yellow")
        seconds = voice.text(duration(stage.seconds) if stage.ok else "")
        grid.add_row(mark, voice.text(safe(stage.name)), seconds, voice.text(safe(stage.outcome), "dim"))
    return grid


def verdict(scan: Scan, voice: Voice) -> RenderableType:
    """The result in words."""
    rest = join(details(scan), "list.sentences")
    return Group(voice.text(headline(scan), "bold"), voice.text(rest))


def checks(scan: Scan, voice: Voice) -> RenderableType:
    """The second count: one line per counter."""
    lines = []
    for check in scan.cross_checks[:LINES_SHOWN]:
        line = say(
            "term.check" if check.theirs is not None else "term.no_check",
            counter=safe(check.counter),
            metric=metric_title(scan, check.metric),
            theirs=shown(scan, check.metric, check.theirs),
            difference=signed_percent(check.difference),
            explanation=safe(check.explanation, 200),
        )
        lines.append(_labelled(voice, say("term.cross_check"), line))
    return Group(*lines)


def doubts(scan: Scan, voice: Voice) -> RenderableType:
    """Blind spots, ops without a formula, and what is not measured, by reason."""
    lines = []
    for spot in scan.blind_spots[:LINES_SHOWN]:
        where = safe(spot.module) or say("series.model")
        place = f"{safe(spot.reason, 200)} {safe(str(spot.location or ''))}".strip()
        lines.append(_labelled(voice, say("term.not_seen"), where, place))
    for op in scan.unknown_ops[:LINES_SHOWN]:
        times = say("term.times", name=safe(op.name), count=str(op.count))
        lines.append(_labelled(voice, say("term.no_formula"), times, safe(op.remedy, 200)))
    for gap in _widest(scan):
        lines.append(_labelled(voice, say("term.not_measured"), _missing(scan, gap), safe(gap.reason, 200)))
    return Group(*lines)


def _missing(scan: Scan, gap: Gap) -> Words:
    """The first few metrics of cost; those of health are many, so that only their number is said."""
    health = [name for name in gap.metrics if is_health(scan, name)]
    if len(health) == len(gap.metrics) == 1:
        return metric_title(scan, health[0])
    titles = [metric_title(scan, name) for name in gap.metrics if name not in health]
    told = join((*titles[:NAMES_SHOWN], *([say("term.metrics", count=len(health))] if health else [])))
    more = len(titles) - NAMES_SHOWN
    return say("list.and_more", names=told, count=str(more)) if more > 0 else told


def _widest(scan: Scan) -> tuple[Gap, ...]:
    """The gaps of cost first; of those that are of health alone only a few."""
    known = gaps(scan)
    health = [gap for gap in known if all(is_health(scan, name) for name in gap.metrics)]
    cost = [gap for gap in known if gap not in health]
    return (*cost[:LINES_SHOWN], *health[:HEALTH_GAPS_SHOWN])


def _labelled(
    voice: Voice, label: Words, first: Words, second: Words = "", style: str = ""
) -> RenderableType:
    """ "Entry   model.py:GPT()   271 M parameters": a label, what it names, and a remark."""
    line = voice.text(first, style)
    if both(second).en:
        line.append("   ").append_text(voice.text(second, "dim"))
    name = voice.text(label, "dim")
    if voice.is_narrow:
        return Group(*([name] if name.plain else []), Padding(line, (0, 0, 0, 2)))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=LABEL_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(name, line)
    return grid
