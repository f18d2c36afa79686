"""Every key of the configuration: its name, the field of `Settings` that it fills, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from attnprobe.checking.settings import readers
from attnprobe.checking.settings.budget_table import budgets
from attnprobe.checking.settings.nodes import Node
from attnprobe.checking.settings.tables import ignores, options, overrides, severities
from attnprobe.records import Severity

_MAX_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Key:
    """One key. What `read` makes of several sources is merged by the field's type: mappings add up."""

    name: str  # "fail-on"
    field: str  # of Settings, "fail_on"; of its `scan`, "scan.seq_len"; "": used while reading only
    read: Callable[[Node], Any]
    kind: str = "text"  # text, texts, flag, number, numbers: what a variable's text is turned into; or table
    option: str = ""  # of the command line, where it has another name
    is_path: bool = False  # relative to the folder of the file

    @property
    def variable(self) -> str:
        """Its environment variable; tables have none."""
        return "" if self.kind == "table" else f"ATTNPROBE_{self.name.upper().replace('-', '_')}"


def _mode(name: str) -> Callable[[Node], str | None]:
    return lambda node: name if readers.flag(node) else None


_LANGUAGES = ("auto", "en", "zh")
_DTYPES = ("float32", "bfloat16", "float16", "float64")

_JUDGING = (
    Key("required-version", "", readers.text),
    Key("model", "model", readers.text, is_path=True),
    Key("lang", "language", readers.choice(*_LANGUAGES)),
    Key("select", "select", readers.texts, "texts"),
    Key("ignore", "ignores", ignores, "table"),
    Key("preview", "preview", readers.flag, "flag"),
    Key("fail-on", "fail_on", readers.choice(*reversed(get_args(Severity)))),
    Key("block", "block", readers.choice("exact", "sampled", "noisy")),
    Key("severity", "severity", severities, "table"),
    Key("options", "options", options, "table"),
    Key("override", "overrides", overrides, "table"),
    Key("budgets", "budgets", budgets, "table"),
    Key("baseline", "baseline", readers.text, is_path=True),
    Key("packs", "packs", readers.texts, "texts", option="rules", is_path=True),
    Key("max-ignore-days", "max_ignore_days", readers.whole(1), "number"),
)
_SCANNING = (
    Key("inputs", "scan.inputs", readers.texts, "texts", option="input", is_path=True),
    Key("shapes", "scan.inputs", readers.texts, "texts"),
    Key("batch-size", "scan.batch_size", readers.whole(1), "number"),
    Key("seq-len", "scan.seq_len", readers.whole(1), "number"),
    Key("data", "scan.data", readers.text, is_path=True),
    Key("batches", "scan.batches", readers.whole(1), "number"),
    Key("dtype", "scan.dtype", readers.choice(*_DTYPES)),
    Key("weights", "scan.weights", readers.text, is_path=True),
    Key("train", "scan.mode", _mode("train"), "flag"),
    Key("infer", "scan.mode", _mode("infer"), "flag"),
    Key("seed", "scan.seed", readers.whole(0, _MAX_SEED), "number"),
    Key("device", "scan.device", readers.device),
    Key("target-device", "scan.target_device", readers.text),
    Key("static", "scan.static", readers.flag, "flag"),
    Key("lengths", "scan.lengths", readers.wholes(1), "numbers", option="length"),
    Key("repeats", "scan.repeats", readers.whole(1), "number"),
    Key("warmup", "scan.warmup", readers.whole(0), "number"),
    Key("probes", "scan.probes", readers.texts, "texts", option="probe"),
    Key("skip-probes", "scan.skip_probes", readers.texts, "texts", option="skip-probe"),
    Key("timeout", "scan.timeout", readers.seconds, "number"),
    Key("memory-limit", "scan.memory_limit", readers.size),
)
KEYS = {key.name: key for key in (*_JUDGING, *_SCANNING)}

# What nobody writes into a file, since a file's ignores need a reason: `--ignore`, ATTNPROBE_IGNORE.
DESELECT = Key("deselect", "deselect", readers.texts, "texts", option="ignore")
