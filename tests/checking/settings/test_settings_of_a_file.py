from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnprobe.checking.settings import read_settings
from attnprobe.errors import SettingsError
from attnprobe.records import Budget, IgnoreEntry, Override, Settings

FULL = """\
[project]
name = "shop"

[tool.attnprobe]
required-version = ">=0.1.0.dev0"
model = "model.py:build"
inputs = ["ids:int64[2,128]", "mask:bool[2,128]"]
lang = "zh"
select = ["AP1", "AP2"]
ignore = ["AP113"]
preview = true
fail-on = "warning"
block = "sampled"
severity = {AP101 = "warning"}
baseline = "attnprobe-baseline.json"
packs = ["rules"]
max-ignore-days = 90
seq-len = 128
batch-size = 2
static = true
timeout = 12.5
lengths = [64, 128]

[tool.attnprobe.options]
AP202.share = 0.3
"AP202.opt_min_len" = 512

[tool.attnprobe.budgets]
flops = "1.9 GF"
"kv_bytes_per_token" = "48 KiB"
attention.flops_share = 0.45
[tool.attnprobe.budgets.delta]
flops = "+2%"
params = "+0"
peak_activation_bytes = "+5 MiB"
time = {max = "+10%", mode = "paired", runs = 9, block = true}

[[tool.attnprobe.override]]
match = "vision.*"
options = {AP101.opt_min_seq = 4096}

[[tool.attnprobe.override]]
match = "h.{0..3}.attn"
severity.AP102 = "info"
"""


def project(folder: Path, text: str, name: str = "pyproject.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def section(folder: Path, text: str) -> Settings:
    return read_settings(project(folder, f"[tool.attnprobe]\n{text}"))


def fault(folder: Path, text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        section(folder, text)
    return caught.value


def test_every_key_of_a_full_file_arrives(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    settings = read_settings(project(tmp_path, FULL), today="2026-11-21")
    assert settings.model == "model.py:build"
    assert settings.language == "zh"
    assert settings.select == ("AP1", "AP2")
    assert settings.preview is True
    assert settings.fail_on == "warning"
    assert settings.block == "sampled"
    assert settings.severity == {"AP101": "warning"}
    assert settings.options == {"AP202": {"share": 0.3, "min_len": 512}}
    assert settings.baseline == "attnprobe-baseline.json"
    assert settings.packs == ("rules",)
    assert settings.max_ignore_days == 90
    assert settings.today == "2026-11-21"
    assert settings.files == ("pyproject.toml",)
    assert settings.notices == ()
    assert settings.ignores == (IgnoreEntry(rules=("AP113",), origin="pyproject.toml:10"),)
    assert settings.scan == {
        "inputs": ("ids:int64[2,128]", "mask:bool[2,128]"),
        "seq_len": 128,
        "batch_size": 2,
        "static": True,
        "timeout": 12.5,
        "lengths": (64, 128),
    }


def test_budgets_are_in_the_unit_of_their_metric(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    budgets = read_settings(project(tmp_path, FULL)).budgets
    assert budgets == (
        Budget(metric="flops_forward", text="1.9 GF", limit=1_900_000_000, origin="pyproject.toml:29"),
        Budget(metric="kv_cache_bytes_per_token", text="48 KiB", limit=48 * 1024, origin="pyproject.toml:30"),
        Budget(metric="attention_flops_share", text="0.45", limit=0.45, origin="pyproject.toml:31"),
        Budget(metric="flops_forward", text="+2%", relative=0.02, origin="pyproject.toml:33"),
        Budget(metric="parameters", text="+0", change=0, origin="pyproject.toml:34"),
        Budget(
            metric="peak_training_bytes", text="+5 MiB", change=5 * 1024 * 1024, origin="pyproject.toml:35"
        ),
        Budget(
            metric="forward_ms", text="+10%", relative=0.1, is_paired=True, runs=9, origin="pyproject.toml:36"
        ),
    )


def test_overrides_keep_their_order_and_their_lines(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert read_settings(project(tmp_path, FULL)).overrides == (
        Override(match="vision.*", options={"AP101": {"min_seq": 4096}}, origin="pyproject.toml:38"),
        Override(match="h.{0..3}.attn", severity={"AP102": "info"}, origin="pyproject.toml:42"),
    )


def test_every_key_has_its_line(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    origins = read_settings(project(tmp_path, FULL)).origins
    assert origins["fail-on"] == "pyproject.toml:12"
    assert origins["options.AP202.share"] == "pyproject.toml:25"
    assert origins["budgets.delta.time"] == "pyproject.toml:36"
    assert "lang" in origins
    assert "device" not in origins


def test_an_ignore_table_carries_its_reason_and_its_end(tmp_path: Path) -> None:
    text = """
[[tool.attnprobe.ignore]]
rule = "AP101"
module = "encoder.layers.*.attn"
reason = "  retrieval head needs full context, see #412 "
until = 2027-03-31
owner = "@lin"

[[tool.attnprobe.ignore]]
rule = ["AP102", "AP103"]
until = "2027-01-01"
"""
    assert section(tmp_path, text).ignores == (
        IgnoreEntry(
            rules=("AP101",),
            site="encoder.layers.*.attn",
            reason="retrieval head needs full context, see #412",
            until="2027-03-31",
            owner="@lin",
            origin="pyproject.toml:3",
        ),
        IgnoreEntry(rules=("AP102", "AP103"), until="2027-01-01", origin="pyproject.toml:10"),
    )


def test_the_file_of_our_own_has_the_same_keys_at_its_top(tmp_path: Path) -> None:
    settings = read_settings(project(tmp_path, 'fail-on = "info"\n', "attnprobe.toml"))
    assert settings.fail_on == "info"
    assert settings.origins["fail-on"] == "attnprobe.toml:1"


def test_of_two_files_side_by_side_our_own_wins_and_says_so(tmp_path: Path) -> None:
    project(tmp_path, '[tool.attnprobe]\nfail-on = "error"\n')
    settings = read_settings(project(tmp_path, 'fail-on = "info"\n', "attnprobe.toml"))
    assert settings.fail_on == "info"
    assert settings.files == ("attnprobe.toml",)
    assert settings.notices == (
        "attnprobe.toml was read, not [tool.attnprobe] of the pyproject.toml beside it",
    )


def test_the_search_goes_upwards_past_files_without_our_section(tmp_path: Path) -> None:
    project(tmp_path, '[tool.attnprobe]\nfail-on = "info"\n')
    inner = tmp_path / "packages" / "core"
    inner.mkdir(parents=True)
    project(inner, "[project]\nname = 'core'\n")
    settings = read_settings(inner)
    assert settings.fail_on == "info"
    assert settings.files == ("../../pyproject.toml",)
    assert settings.origins["fail-on"] == "../../pyproject.toml:2"


def test_the_search_ends_at_the_root_of_the_repository(tmp_path: Path) -> None:
    project(tmp_path, '[tool.attnprobe]\nfail-on = "info"\n')
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    assert read_settings(repository).fail_on == "error"


def test_paths_of_a_file_above_are_as_seen_from_here(tmp_path: Path) -> None:
    text = 'model = "model.py:build"\nbaseline = "known.json"\npacks = ["rules"]\ndata = "hf_data:train"\n'
    (tmp_path / "model.py").touch()
    (tmp_path / "known.json").touch()
    (tmp_path / "rules").mkdir()
    (tmp_path / "inner").mkdir()
    project(tmp_path, text, "attnprobe.toml")
    settings = read_settings(tmp_path / "inner")
    assert settings.model == os.path.join("..", "model.py:build")
    assert settings.baseline == os.path.join("..", "known.json")
    assert settings.packs == (os.path.join("..", "rules"),)
    assert settings.scan["data"] == "hf_data:train"  # a module, not a file


def test_a_named_file_is_read_instead_of_the_nearest(tmp_path: Path) -> None:
    project(tmp_path, 'fail-on = "info"\n', "attnprobe.toml")
    other = tmp_path / "other.toml"
    other.write_text('fail-on = "warning"\n')
    assert read_settings(tmp_path, config=other).fail_on == "warning"
    with pytest.raises(SettingsError, match=r"gone\.toml is not a file"):
        read_settings(tmp_path, config=tmp_path / "gone.toml")


def test_a_file_that_lies_elsewhere_is_named_without_the_way_there(tmp_path: Path) -> None:
    for name in ("here", "somebody"):
        (tmp_path / name).mkdir()
    other = tmp_path / "somebody" / "strict.toml"
    other.write_text('fail-on = "warning"\nbaseline = "known.json"\n')
    (tmp_path / "somebody" / "known.json").touch()
    settings = read_settings(tmp_path / "here", config=other)
    assert settings.files == ("strict.toml",)
    assert settings.origins["fail-on"] == "strict.toml:1"
    assert settings.baseline == "../somebody/known.json"


def test_a_named_project_file_needs_our_section(tmp_path: Path) -> None:
    project(tmp_path, "[project]\nname = 'x'\n")
    with pytest.raises(SettingsError, match=r"has no section \[tool\.attnprobe\]"):
        read_settings(tmp_path, config=tmp_path / "pyproject.toml")


def test_inputs_that_name_a_factory_are_batches_of_ones_own(tmp_path: Path) -> None:
    assert section(tmp_path, 'inputs = "attnprobe_inputs.py:make"\n').scan == {
        "data": "attnprobe_inputs.py:make"
    }


def test_train_is_a_mode_and_excludes_infer(tmp_path: Path) -> None:
    assert section(tmp_path, "train = true\n").scan == {"mode": "train"}
    assert section(tmp_path, "train = false\n").scan == {}
    assert "cannot both" in fault(tmp_path, "train = true\ninfer = true\n").message


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    error = fault(tmp_path, 'lang = "en"\nfail_on = "error"\n')
    assert error.message == "unknown key 'fail_on'; did you mean 'fail-on'?"
    assert error.location == "pyproject.toml:3"
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('fail-on = "loud"', "fail-on: expected one of error, warning, info, found a text ('loud')", 2),
        ("fail-on = 3", "fail-on: expected one of error, warning, info, found a number (3)", 2),
        ('preview = "yes"', "preview: expected true or false, found a text ('yes')", 2),
        ("preview = 1", "preview: expected true or false, found a number (1)", 2),
        ('seq-len = "128"', "seq-len: expected a whole number from 1, found a text ('128')", 2),
        ("seq-len = true", "seq-len: expected a whole number from 1, found true or false (True)", 2),
        ("seq-len = 0", "seq-len: expected a whole number from 1, found 0", 2),
        ("timeout = nan", "timeout: expected a number from 0, found nan", 2),
        ("select = [1]", "select[0]: expected a text, found a number (1)", 2),
        ("select = {}", "select: expected a list, found a table ({})", 2),
        ('model = ""', "model: expected a text of 1 to 2000 characters, found one of 0", 2),
        ('device = "tpu"', "device: expected one of auto, cpu, cuda, cuda:N, found a text ('tpu')", 2),
        ('memory-limit = "lots"', "memory-limit: expected a size as in 8G or 512M, found a text ('lots')", 2),
        ("severity = 3", "severity: expected a table, found a number (3)", 2),
        ("ignore = [{}]", "ignore[0]: expected the key `rule`, found none", 2),
        (
            '[[tool.attnprobe.ignore]]\nrule = "AP1"\nmodule = "a"\nsite = "b"',
            "ignore[0].site: expected either module or site, found both",
            5,
        ),
        (
            '[[tool.attnprobe.ignore]]\nrule = "AP1"\nwhy = "x"',
            "unknown key 'why' of ignore[0]",
            4,
        ),
        (
            '[[tool.attnprobe.ignore]]\nrule = "AP1"\nuntil = 2027-03-31T00:00:00Z',
            "ignore[0].until: expected a day as in 2027-03-31, "
            "found a date with a time (2027-03-31T00:00:00+00:00)",
            4,
        ),
        ("[[tool.attnprobe.override]]\noptions = {}", "override[0]: expected the key `match`, found none", 2),
        (
            '[[tool.attnprobe.override]]\nmatch = "a,,b"',
            "override[0].match: expected a pattern of site names: one of its parts is empty, "
            "found a text ('a,,b')",
            3,
        ),
        ("options.AP101.share = [1]", None, 2),
        ("options.AP101.share = inf", "options.AP101.share: expected a finite number, found inf", 2),
        ("options.AP101 = 3", "options.AP101: expected a table, found a number (3)", 2),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(
    text: str, message: str | None, line: int, tmp_path: Path
) -> None:
    error = fault(tmp_path, text)
    assert message is None or error.message == message
    assert error.location == f"pyproject.toml:{line}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('flosp = "1 GF"', "unknown metric 'flosp' of budgets; did you mean 'flops'?"),
        ('flops = "1 GiB"', "'GiB' is no unit of a number in FLOP; write 1.9 GF"),
        ('flops = "-1 GF"', "budgets.flops: expected an amount from 0, found -1 GF"),
        ("flops = true", "budgets.flops: expected an amount as in 1.9 GF, found true or false (True)"),
        ("flops = inf", "'inf' is no amount, as 1.9 GF is"),
        ("flops = {block = true}", "budgets.flops: expected the key `max`, found none"),
        ('flops = {max = "1 GF", blocks = true}', "unknown key 'blocks' of budgets.flops"),
        ('delta.flops = "-200%"', "budgets.delta.flops: expected a change above -100 %"),
        ('delta.flops = {max = "+1%", mode = "paired"}', "expected `paired` only for the change of a time"),
        ('delta.time = {max = "+1%", mode = "paired", runs = 2}', "expected a whole number from 5 to 1000"),
    ],
)
def test_a_wrong_budget_is_told_at_its_line(text: str, words: str, tmp_path: Path) -> None:
    error = fault(tmp_path, f"[tool.attnprobe.budgets]\n{text}\n")
    assert words in error.message
    assert error.location == "pyproject.toml:3"


def test_what_is_not_exact_blocks_only_when_asked(tmp_path: Path) -> None:
    text = '[tool.attnprobe.budgets]\nflops = "1 GF"\ntime = "9 ms"\nsink_mass = {max = 0.5, block = true}\n'
    blocking = {budget.metric: budget.is_blocking for budget in section(tmp_path, text).budgets}
    assert blocking == {"flops_forward": True, "forward_ms": False, "sink_mass": True}


def test_another_version_is_asked_for_before_its_keys_are_read(tmp_path: Path) -> None:
    error = fault(tmp_path, 'new-key = 1\nrequired-version = ">=99"\n')
    assert error.message.startswith("required-version is >=99; this is attnprobe ")
    assert error.location == "pyproject.toml:3"
    assert "expected a version" in fault(tmp_path, 'required-version = "new"\n').message
