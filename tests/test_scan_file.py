"""The saved scan: written one way, read back equal, and nothing else accepted."""

import json
import math
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.errors import InternalError, ScanFileError
from attnprobe.records import (
    AttentionSite,
    CostShare,
    Curve,
    Environment,
    InputTensor,
    Location,
    Metric,
    ModelInfo,
    NotMeasured,
    Scan,
    ToolInfo,
    Workload,
)
from attnprobe.scan_file import dump, load, read, schema

SCHEMA_FILE = Path(__file__).parent.parent / "docs" / "scan.schema.json"


def site(name: str = "h.0.attn", **metrics: float | None) -> AttentionSite:
    return AttentionSite(
        id=name, module=name, module_class="Attention", call=0, mechanism="dot_product", normaliser="softmax",
        role="self", kernel="math", num_heads=2, num_kv_heads=1, head_dim=8, value_dim=8, batch=1, windows=1,
        q_len=4, kv_len=4, is_causal=None, window_left=None, window_right=None, visible_share=None,
        scale=0.5, dropout=0.0, projections={"query": "h.0.attn.q.weight"},
        projection_rows={"query": ((0, 16, 1),)}, location=Location("model.py", 7, "forward"),
        group="h.0.attn", metrics=metrics, head_metrics={"entropy": (1.5, None)},
    )  # fmt: skip


def scan(*sites: AttentionSite, **totals: float | None) -> Scan:
    return Scan(
        schema=1,
        tool=ToolInfo(name="attnprobe", version="0.1.0"),
        environment=Environment(python="3.11", torch="2.13.0", platform="Linux", device="cpu", threads=2),
        model=ModelInfo(target="model.py", entry="model.py:GPT()", class_name="GPT", parameters=8,
                        parameter_bytes=32, trainable_parameters=8, causal_declared=None),
        workload=Workload(inputs=(InputTensor(name="ids", shape=(1, 4), dtype="int64", origin="guessed"),),
                          batch_size=1, seq_len=4, device="cpu", dtype="float32", train=False, backward=True,
                          loss="given", guessed=(), depth="static", seed=0),
        metrics={"flops": Metric(name="flops", title="FLOPs", unit="FLOP", level="site", exactness="exact",
                                 method="counted")},
        totals=totals,
        sites=sites,
        not_measured=(NotMeasured(metric="time", site="", reason="static"),),
    )  # fmt: skip


def changed(**changes: object) -> str:
    """A saved scan of which some keys at the top were given another value."""
    return json.dumps({**json.loads(dump(scan(site()))), **changes})


def test_a_scan_comes_back_equal():
    original = scan(site(flops=128, time=None), site("h.1.attn", flops=0.1), flops=2**60 + 1, share=0.25)
    assert load(dump(original)) == original


def test_writing_what_was_read_gives_the_same_bytes():
    text = dump(scan(site(flops=128, ratio=1e-300), flops=10**24, share=1 / 3))
    assert dump(load(text)) == text


@settings(deadline=None)
@given(st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_finite_number_survives(value):
    back = load(dump(scan(x=value))).totals["x"]
    assert back == value
    assert type(back) is type(value)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_survives(text):
    assert load(dump(scan(site(text)))).sites[0].id == text


def test_a_lone_surrogate_is_written_as_it_reads():
    assert load(dump(scan(site("layer\udce9")))).sites[0].id == "layer\\udce9"


def test_keys_are_sorted_and_the_text_is_ascii():
    text = dump(scan(site("注意力\u202e"), b=1, a=2))
    assert text.isascii()
    assert text.index('"a"') < text.index('"b"')
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_the_model_class_has_the_key_of_the_contract():
    assert json.loads(dump(scan()))["model"]["class"] == "GPT"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_becomes_null_and_is_listed(value):
    back = load(dump(scan(site(flops=value), share=value)))
    assert back.sites[0].metrics == {"flops": None}
    assert back.totals == {"share": None}
    assert back.not_measured == (
        NotMeasured(metric="time", site="", reason="static"),
        NotMeasured(metric="share", site="", reason=f"the value came out as {value}"),
        NotMeasured(metric="flops", site="h.0.attn", reason=f"the value came out as {value}"),
    )


def test_a_record_that_is_nothing_without_its_number_is_left_out_and_listed():
    broken = replace(
        scan(),
        cost_shares=(
            CostShare(part="attention", metric="flops", value=math.nan, share=0.5),
            CostShare(part="other", metric="flops", value=1.0, share=0.5),
        ),
        curves=(Curve(metric="flops", site="a", lengths=(1, 2), values=(1.0, math.inf), method="traced"),),
    )
    back = load(dump(broken))
    assert [share.part for share in back.cost_shares] == ["other"]
    assert back.curves == ()
    assert [(gap.metric, gap.site) for gap in back.not_measured[1:]] == [("flops", ""), ("flops", "a")]


def test_something_that_is_not_plain_data_is_our_own_bug():
    with pytest.raises(InternalError, match="holds a object"):
        dump(scan(x=object()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the scan ends early"),
        ("<!doctype html><html>", "a web page, not a saved scan"),
        ("\ufeff  <html>", "a web page, not a saved scan"),
        ("[]", "the outermost value is not an object"),
        ("{}", "it has no schema number"),
        ('{"schema": true}', "it has no schema number"),
        ('{"schema": "1"}', "it has no schema number"),
        ('{"schema": 2}', "has schema 2; this attnprobe reads schema 1"),
        ('{"schema": 0}', "has schema 0; this attnprobe reads schema 1"),
        ('{"schema": 1, "schema": 1}', "gives the key 'schema' twice"),
        ('{"schema": NaN}', "holds NaN"),
        ('{"schema": -Infinity}', "holds -Infinity"),
        ('{"schema": 1e999}', "holds the number 1e999, which is too large"),
        ('{"schema": ' + "9" * 5000 + "}", "not JSON that we read"),
        ("[" * 100_000, "nested too deeply"),
        ("schema: 1", "is not JSON"),
        (changed(totals={"x": "1"}), "totals.x"),
        (changed(totals={"x": True}), "totals.x"),
        (changed(sites={}), "sites: "),
        (changed(extra=1), "extra: Unexpected"),
        (changed(model={"class": "GPT"}), "model.target: "),
        (changed(model=None), "model: "),
        (changed(notes=[1]), "notes.0: "),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_what_is_not_a_scan_is_refused_in_one_line(text, message):
    with pytest.raises(ScanFileError) as caught:
        load(text)
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


def test_a_file_cut_anywhere_is_refused():
    text = dump(scan(site(flops=1)))
    for end in range(0, len(text) - 2, 97):
        with pytest.raises(ScanFileError):
            load(text[:end])


def test_a_file_cut_within_a_name_ends_early():
    with pytest.raises(ScanFileError, match="ends early"):
        load('{"schema": 1, "tool": {"name": "attn')


def test_a_record_s_own_field_name_is_no_key_of_the_file():
    data = json.loads(dump(scan()))
    data["model"]["class_name"] = data["model"].pop("class")
    with pytest.raises(ScanFileError, match="the scan is not as its schema says: model"):
        load(json.dumps(data))


def test_a_hostile_key_is_named_harmlessly():
    with pytest.raises(ScanFileError) as caught:
        load(changed(**{"\x1b[31m" + "x" * 10_000: 1}))
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 400


def test_a_saved_file_is_read(tmp_path):
    path = tmp_path / "scan.json"
    path.write_text(dump(scan(site())), encoding="utf-8")
    assert read(path) == scan(site())


def test_a_file_that_cannot_be_a_scan_is_refused(tmp_path, monkeypatch):
    binary = tmp_path / "model.pt"
    binary.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ScanFileError, match="is not text"):
        read(binary)
    with pytest.raises(ScanFileError, match="is not a file"):
        read(tmp_path)
    with pytest.raises(ScanFileError, match="is not a file"):
        read(tmp_path / "absent.json")
    monkeypatch.setattr("attnprobe.scan_file.MAX_BYTES", 3)
    with pytest.raises(ScanFileError, match="is larger than"):
        read(binary)
    with pytest.raises(ScanFileError, match="is larger than"):
        load("    ")


def test_the_published_schema_is_in_step():
    # To renew it: python -m attnprobe.scan_file > docs/scan.schema.json
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == schema()


def test_the_published_schema_accepts_a_scan_and_refuses_what_load_refuses():
    published = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(published)
    assert validator.is_valid(json.loads(dump(scan(site(flops=1, time=None), share=0.5))))
    for broken in (changed(schema=2), changed(extra=1), changed(sites={}), changed(totals={"x": "1"})):
        assert not validator.is_valid(json.loads(broken))
