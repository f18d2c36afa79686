from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.checking.baselines import Baseline, Entry, Header, load, read, written
from attnprobe.errors import BaselineError

HEADER = Header(
    target="model.py:build()",
    inputs="ids:int64[2,128]",
    mode="evaluation, with gradients",
    device="cpu",
    dtype="float32",
    torch="2.13",
    depth="measured",
    ruleset="0123456789abcdef",
)


def entry(fingerprint: str, rule: str = "AP101", where: str = "h.{0..3}.attn") -> Entry:
    return Entry(
        fingerprint=fingerprint,
        rule=rule,
        where=where,
        kind="dot_product",
        level="site",
        count=4,
        metrics={"kv_len": 128, "core_flops_share": 0.25},
    )


BASELINE = Baseline(
    schema=1,
    tool="attnprobe 0.1.0",
    date="2026-11-21",
    header=HEADER,
    totals={"parameters": 2**60 + 1, "flops_forward": 1000},
    entries=(entry("b" * 16, "AP202"), entry("a" * 16), entry("c" * 16, where="")),
)

TEXT = """\
{
 "schema": 1,
 "tool": "attnprobe 0.1.0",
 "date": "2026-11-21",
 "header": {
  "target": "model.py:build()",
  "inputs": "ids:int64[2,128]",
  "mode": "evaluation, with gradients",
  "device": "cpu",
  "dtype": "float32",
  "torch": "2.13",
  "depth": "measured",
  "ruleset": "0123456789abcdef"
 },
 "totals": {
  "flops_forward": 1000,
  "parameters": 1152921504606846977
 },
 "entries": [
"""


def test_the_file_has_one_line_per_entry_and_is_sorted() -> None:
    text = written(BASELINE)
    assert text.startswith(TEXT)
    rows = text.removeprefix(TEXT).split("\n")
    assert [row[:25] for row in rows[:3]] == [f'  {{"fingerprint": "{c * 6}' for c in "cab"]
    assert rows[3:] == [" ]", "}", ""]


def test_what_was_written_is_read_back_and_written_the_same() -> None:
    text = written(BASELINE)
    again = load(text)
    assert [each.fingerprint[0] for each in again.entries] == ["c", "a", "b"]
    assert again.header == HEADER
    assert again.totals == BASELINE.totals
    assert written(again) == text


def test_an_empty_baseline_is_one_too() -> None:
    empty = Baseline(schema=1, tool="t", date="", header=HEADER, totals={}, entries=())
    assert load(written(empty)) == empty


@given(st.text(max_size=20), st.integers(0, 2**63), st.floats(allow_nan=False, allow_infinity=False))
def test_any_name_and_number_survives(name: str, count: int, value: float) -> None:
    if any("\ud800" <= character <= "\udfff" for character in name):
        return
    strange = Entry(
        fingerprint="f" * 16, rule=name, where=name, kind=name, level=name, count=count, metrics={"m": value}
    )
    baseline = Baseline(schema=1, tool=name, date=name, header=HEADER, totals={}, entries=(strange,))
    text = written(baseline)
    assert len(text.split("\n")) == 20
    assert load(text).entries == (strange,)


def _changed(change: Callable[[dict[str, object]], object]) -> str:
    data = json.loads(written(BASELINE))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (written(BASELINE)[:400], "attnprobe-baseline.json ends early"),
        ("", "attnprobe-baseline.json ends early"),
        ("[]", "this is JSON, but not a baseline: the outermost value is not an object"),
        ('{"schema": 1}', "is JSON, but no baseline"),
        ('{"entries": []}', "is JSON, but no baseline"),
        (_changed(lambda data: data.update(schema=2)), "has schema 2; this attnprobe reads schema 1"),
        (_changed(lambda data: data.update(extra=1)), "extra: Unexpected keyword argument"),
        (_changed(lambda data: data.update(header={})), "header.target: Field required"),
        (_changed(lambda data: data.update(entries=[{}])), "entries.0.fingerprint: Field required"),
        (_changed(lambda data: data.update(totals={"a": "1"})), "totals.a"),
        (_changed(lambda data: data.update(totals={"a": True})), "totals.a"),
        (
            _changed(lambda data: data["entries"].append(data["entries"][0])),
            "holds the entry cccccccccccccccc twice",
        ),
        (written(BASELINE).replace("1000,", "NaN,"), "holds NaN, which is not a JSON number"),
        (written(BASELINE).replace('"tool"', '"date"'), "gives the key 'date' twice"),
        ('{"a":' * 50_000, "is nested too deeply"),
        ("<!doctype html>", "this is a web page, not a baseline"),
    ],
)
def test_a_spoiled_file_is_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(BaselineError) as caught:
        load(text)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2
    assert caught.value.hint


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> main", "||||||| base"])
def test_conflict_markers_are_named_with_their_line(marker: str) -> None:
    lines = written(BASELINE).split("\n")
    with pytest.raises(BaselineError) as caught:
        load("\n".join([*lines[:5], marker, *lines[5:]]), "known.json")
    assert caught.value.message == "known.json holds the conflict markers of a merge"
    assert caught.value.location == "known.json:6"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match=r"gone\.json is not a file"):
        read(tmp_path / "gone.json")
    with pytest.raises(BaselineError, match="is not a file"):
        read(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BaselineError, match=r"binary\.json is not text"):
        read(tmp_path / "binary.json")
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(BaselineError, match=r"huge\.json is larger than 16 MiB"):
        read(huge)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "attnprobe-baseline.json"
    path.write_text(written(BASELINE))
    assert read(path).header == HEADER
