"""Method and limits: how each number came about, under which settings, and how to get it again."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import InputTensor, Scan
from attnprobe.report.page.elements import Column, Fact, Table
from attnprobe.report.page.judgement import judgement, stale
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.command import command
from attnprobe.report.parts.names import metric_title
from attnprobe.report.parts.order import metric_place
from attnprobe.report.parts.quantities import UNKNOWN, count, duration
from attnprobe.report.parts.readings import is_health
from attnprobe.report.parts.safe_text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A metric as its dictionary defines it."""

    title: Words
    key: str  # in the JSON
    kind: Text  # unit and exactness
    method: str
    not_said: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """The section."""

    command: str
    guessed: tuple[str, ...]
    notes: tuple[str, ...]
    inputs: Table
    workload: tuple[Fact, ...]
    environment: tuple[Fact, ...]
    judgement: tuple[Fact, ...]
    stale: tuple[str, ...]  # entries of the baseline that no finding answers to
    stages: Table | None
    dictionary_title: Text
    dictionary: tuple[Entry, ...]


def method(scan: Scan) -> Method:
    """The section."""
    dictionary = _dictionary(scan)
    return Method(
        command=command(scan),
        guessed=tuple(safe(guess, 1000) for guess in scan.workload.guessed),
        notes=tuple(safe(note, 1000) for note in scan.notes),
        inputs=_inputs(scan),
        workload=_workload(scan),
        environment=_environment(scan),
        judgement=judgement(scan),
        stale=stale(scan),
        stages=_stages(scan),
        dictionary_title=say("method.metrics", count=count(len(dictionary))),
        dictionary=dictionary,
    )


def _inputs(scan: Scan) -> Table:
    columns = (
        Column(say("column.input"), "code"),
        Column(say("column.shape"), "code"),
        Column(say("column.dtype"), "code"),
        Column(say("column.origin")),
        Column(say("column.how"), "prose"),
    )
    return Table(
        caption=say("method.inputs"),
        columns=columns,
        rows=tuple(_input(t) for t in scan.workload.inputs[:100]),
    )


def _input(tensor: InputTensor) -> tuple[Words, ...]:
    origin = say(f"origin.{tensor.origin}")
    return (safe(tensor.name), str(list(tensor.shape)), safe(tensor.dtype), origin, safe(tensor.note))


def _workload(scan: Scan) -> tuple[Fact, ...]:
    work, model = scan.workload, scan.model
    declared = {True: "answer.yes", False: "answer.no", None: "answer.not_declared"}[model.causal_declared]
    return (
        Fact(say("fact.class"), safe(model.class_name) or UNKNOWN, is_code=True),
        Fact(
            say("figure.parameters"),
            count(model.parameters),
            say("fact.trainable", count=count(model.trainable_parameters)),
        ),
        Fact(say("fact.batch_size"), count(work.batch_size)),
        Fact(say("fact.seq_len"), count(work.seq_len)),
        Fact(say("fact.dtype"), safe(work.dtype), is_code=True),
        Fact(say("fact.device"), safe(work.device) if work.depth == "measured" else UNKNOWN),
        Fact(say("fact.depth"), say(f"depth.{work.depth}")),
        Fact(say("fact.passes"), say("pass.training" if work.backward else "pass.forward")),
        Fact(say("fact.layers_mode"), say("mode.train" if work.train else "mode.eval")),
        Fact(say("fact.loss"), safe(work.loss) or UNKNOWN),
        Fact(say("fact.data"), say(f"data.{work.data}"), say("fact.batches", count=work.batches)),
        Fact(say("fact.causal_declared"), say(declared)),
        Fact(say("fact.seed"), str(work.seed)),
        *(
            Fact(safe(name), safe(value))
            for name, value in sorted(work.settings.items())
            if name != "command"
        ),
    )


def _environment(scan: Scan) -> tuple[Fact, ...]:
    here = scan.environment
    return (
        Fact("attnprobe", safe(scan.tool.version), say("fact.schema", number=str(scan.schema))),
        Fact("torch", safe(here.torch)),
        Fact("Python", safe(here.python)),
        Fact(say("fact.platform"), safe(here.platform)),
        Fact(say("fact.device"), safe(here.device), say("fact.threads", count=here.threads)),
        *(Fact(safe(name), safe(version)) for name, version in sorted(here.packages.items())),
        *(Fact(say("fact.plugin"), safe(name)) for name in scan.tool.plugins),
    )


def _stages(scan: Scan) -> Table | None:
    if not scan.stages:
        return None
    columns = (
        Column(say("column.stage")),
        Column(say("column.seconds"), "number"),
        Column(say("column.outcome"), "prose"),
    )
    rows = tuple(
        (safe(stage.name), duration(stage.seconds) if stage.ok else UNKNOWN, safe(stage.outcome))
        for stage in scan.stages
    )
    return Table(caption=say("method.stages"), columns=columns, rows=rows)


def _dictionary(scan: Scan) -> tuple[Entry, ...]:
    """The metrics of cost. Those of health are explained in their rows."""
    names = [name for name in scan.metrics if not is_health(scan, name)]
    return tuple(_entry(scan, name) for name in sorted(names, key=metric_place))


def _entry(scan: Scan, name: str) -> Entry:
    metric = scan.metrics[name]
    unit = say("unit.ratio") if metric.unit == "1" else safe(metric.unit)
    return Entry(
        title=metric_title(scan, name),
        key=safe(name),
        kind=join((unit, say(f"exactness.{metric.exactness}")), "list.dot"),
        method=safe(metric.method, 1000),
        not_said=safe(metric.not_said, 1000),
        source=safe(metric.source, 1000),
    )
