"""Random files: a rule, a tree or a `RuleError`, and nothing else."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.checking.packs.building import build
from attnprobe.checking.packs.context import Source
from attnprobe.checking.packs.loading import metric_dictionary
from attnprobe.checking.packs.names import dictionary
from attnprobe.checking.packs.yaml_reading import parse_yaml
from attnprobe.errors import RuleError
from tests.checking.packs.rule_files import RULE

KNOWN = dictionary(metric_dictionary())
PATH = Path("ACME001-long-sequences.yaml")


def _read(text: str) -> None:
    said = "x.yaml"
    try:
        root = parse_yaml(text, "x.yaml")
        build(Source(root, text, "x.yaml", PATH, "x", ""), KNOWN)
    except RuleError as error:
        said = error.message
    assert said.startswith("x.yaml")
    assert "\n" not in said


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="ab:-{}[]#&*!|>'\"%@`,? \n\t0.", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    _read(text)


@settings(max_examples=300, deadline=None)
@given(
    position=st.integers(0, len(RULE) - 1),
    length=st.integers(0, 30),
    put=st.sampled_from(
        ["", "x", "0", "{", "}", "[", "'", '"', ": ", "\n", "\n  ", "null", "true", "- ", "é", "#"]
    ),
)
def test_a_rule_with_a_slip_is_read_or_refused(position: int, length: int, put: str) -> None:
    _read(RULE[:position] + put + RULE[position + length :])
