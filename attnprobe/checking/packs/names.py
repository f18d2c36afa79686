"""The names that a rule of each level may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from attnprobe.change_facts import CHANGE_FACTS
from attnprobe.checking.expressions import Kind, Name, Vocabulary
from attnprobe.records import Depth, Metric, Role, Subjects

NUMBER, TEXT, BOOL = Name("number"), Name("text"), Name("bool")
OF_MODEL = "model_"  # before the name of a metric of sites: its total

SITE: Mapping[str, Name] = {
    **dict.fromkeys(("mechanism", "normaliser", "kernel", "module", "module_class"), TEXT),
    **dict.fromkeys(("num_heads", "num_kv_heads", "head_dim", "value_dim", "batch", "windows"), NUMBER),
    **dict.fromkeys(("q_len", "kv_len", "window_left", "window_right", "visible_share"), NUMBER),
    **dict.fromkeys(("scale", "dropout", "call", "group_size"), NUMBER),
    "role": Name("text", get_args(Role)),
    "is_causal": BOOL,
}
SCAN: Mapping[str, Name] = {
    **dict.fromkeys(("device", "dtype", "target_device"), TEXT),
    **dict.fromkeys(
        ("batch_size", "seq_len", "batches", "num_sites", "blind_spots", "guessed_inputs"), NUMBER
    ),
    **dict.fromkeys(("train", "backward", "causal_declared", "guessed_loss"), BOOL),
    "depth": Name("text", get_args(Depth)),
    "data": Name("text", ("given", "random")),
}
HEAD: Mapping[str, Name] = {"head": NUMBER}
CHANGE: Mapping[str, Name] = {name: Name(fact.kind) for name, fact in CHANGE_FACTS.items()}
IGNORE: Mapping[str, Name] = {
    **dict.fromkeys(("rule", "origin", "until", "owner", "reason", "match"), TEXT),
    **dict.fromkeys(("reason_length", "findings", "days_left"), NUMBER),
    **dict.fromkeys(("is_unused", "is_expired", "is_inline", "is_known_rule", "has_reason"), BOOL),
}
PLACEHOLDERS: Mapping[str, Name] = {
    **dict.fromkeys(("site", "where", "heads"), TEXT),
    "count": NUMBER,  # of the places that one finding stands for
}
ALWAYS_KNOWN: Mapping[str, str | int | float | bool] = {  # in the tests of a rule, unless they say otherwise
    "mechanism": "dot_product",
    "normaliser": "softmax",
    "kernel": "unfused",
    "module": "h.0.attn",
    "module_class": "Attention",
    "role": "self",
    "num_heads": 8,
    "num_kv_heads": 8,
    "head_dim": 64,
    "value_dim": 64,
    "batch": 1,
    "windows": 1,
    "q_len": 1024,
    "kv_len": 1024,
    "dropout": 0.0,
    "call": 0,
    "group_size": 1,
    "device": "cpu",
    "dtype": "float32",
    "batch_size": 1,
    "seq_len": 1024,
    "batches": 1,
    "num_sites": 1,
    "blind_spots": 0,
    "guessed_inputs": 0,
    "train": False,
    "backward": True,
    "guessed_loss": False,
    "depth": "measured",
    "data": "given",
}


@dataclass(frozen=True, slots=True)
class Dictionary:
    """The metric dictionary, and what follows from it for each level."""

    metrics: Mapping[str, Metric]
    levels: Mapping[Subjects, Vocabulary]

    def vocabulary(self, level: Subjects, options: Mapping[str, Kind]) -> Vocabulary:
        """What a rule of a level may name, with options of its own (without "opt_")."""
        return replace(self.levels[level], options=options)


def dictionary(metrics: Mapping[str, Metric]) -> Dictionary:
    """What rules may name, given the metrics that there are."""
    of_model = {name: _of(m) for name, m in metrics.items() if m.level == "model"}
    of_sites = {name: _of(m) for name, m in metrics.items() if m.level != "model"}
    totals = {OF_MODEL + name: NUMBER if m.labels else _of(m) for name, m in metrics.items()}
    scan = {**totals, **of_model, **SCAN}
    site = {**of_sites, **scan, **SITE}
    head = {**site, **HEAD}
    levels: dict[Subjects, Vocabulary] = {
        "site": Vocabulary(site, head),
        "head": Vocabulary(head),
        "group": Vocabulary({**scan, **SITE}, site),
        "model": Vocabulary(scan, site),
        "change": Vocabulary(CHANGE),
        "ignore": Vocabulary(IGNORE),
    }
    return Dictionary(metrics, levels)


def _of(metric: Metric) -> Name:
    return Name("text", metric.labels) if metric.labels else NUMBER
