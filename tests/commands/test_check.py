"""`attnprobe check`: what it reads, what it writes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attnprobe import scan_file
from tests.commands.running import Ran
from tests.report.sample_scans import gpt_scan
from tests.test_judging import WIDE_HEADS

FAULTY = """
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(32, 32) for _ in range(3))

    def forward(self, x):
        q, k, v = (part(x).view(2, 8, 4, 8).transpose(1, 2) for part in (self.q, self.k, self.v))
        weights = F.softmax(q @ k.transpose(-2, -1) * 8**-0.5, dim=-2)
        return x + (weights @ v).transpose(1, 2).flatten(2)

def example_inputs():
    return torch.randn(2, 8, 32)
"""
WIDE = ("--rules", "pack", "--select", "ZZ101")  # the saved scan has heads of 64, the rule's limit is 32


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "ZZ101-wide-heads.yaml").write_text(WIDE_HEADS)
    return tmp_path


def test_a_saved_scan_is_judged_without_its_model(
    attnprobe: Callable[..., Ran], saved_scan: Path, pack: Path
) -> None:
    ran = attnprobe("check", str(saved_scan), *WIDE)
    assert ran.exit_code == 1
    assert "ZZ101" in ran.stdout
    assert ran.stdout.startswith("FAIL")
    assert attnprobe("check", str(saved_scan), *WIDE, "--ignore", "ZZ101").exit_code == 0


def test_a_faulty_model_fails_and_its_line_is_named(attnprobe: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    ran = attnprobe("check", "net.py", "--static", "--select", "AP102", "-o", "json=scan.json")
    assert ran.exit_code == 1, ran.stderr
    line = (
        FAULTY.splitlines().index("        weights = F.softmax(q @ k.transpose(-2, -1) * 8**-0.5, dim=-2)")
        + 1
    )
    assert f"net.py:{line}" in ran.stdout
    (finding,) = json.loads((tmp_path / "scan.json").read_text())["findings"]
    assert (finding["location"]["line"], finding["location"]["column"]) == (line, 19)


def test_a_comment_at_the_line_lets_it_pass(attnprobe: Callable[..., Ran], tmp_path: Path) -> None:
    ignored = FAULTY.replace("dim=-2)", "dim=-2)  # attnprobe: ignore[AP102] -- slots compete on purpose")
    (tmp_path / "net.py").write_text(ignored)
    ran = attnprobe("check", "net.py", "--static", "--select", "AP102")
    assert ran.exit_code == 0, ran.stdout
    assert "slots compete on purpose" in ran.stdout


def test_only_what_is_judged_is_measured(attnprobe: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY)
    attnprobe("check", "net.py", "--select", "AP102", "-o", "json=scan.json")
    stages = [each["name"] for each in json.loads((tmp_path / "scan.json").read_text())["stages"]]
    assert "flops" in stages
    assert "timing" not in stages
    assert "instrumented run" not in stages


def test_many_outputs_in_one_run(attnprobe: Callable[..., Ran], saved_scan: Path, pack: Path) -> None:
    formats = {"sarif": "x.sarif", "junit": "x.xml", "gitlab": "x.json", "markdown": "x.md", "html": "x.html"}
    outputs = [part for name, path in formats.items() for part in ("-o", f"{name}={path}")]
    ran = attnprobe("check", str(saved_scan), *WIDE, *outputs, "-o", "github=-")
    assert ran.exit_code == 1
    assert all((pack / path).stat().st_size > 50 for path in formats.values())
    assert "::error " in ran.stdout
    assert "FAIL" in ran.stderr  # stdout carries the annotations


def test_the_model_of_the_configuration_is_taken(
    attnprobe: Callable[..., Ran], saved_scan: Path, pack: Path
) -> None:
    (pack / "attnprobe.toml").write_text(
        f'model = "{saved_scan.name}"\nselect = ["ZZ101"]\npacks = ["pack"]\nfail-on = "error"\n'
    )
    assert attnprobe("check").exit_code == 1
    (pack / "attnprobe.toml").write_text('select = ["AP0"]\n')
    ran = attnprobe("check")
    assert ran.exit_code == 2
    assert "check needs a TARGET" in ran.stderr


def test_a_budget_that_is_broken_says_where_to_raise_it(
    attnprobe: Callable[..., Ran], saved_scan: Path, tmp_path: Path
) -> None:
    (tmp_path / "attnprobe.toml").write_text('select = ["AP0"]\n[budgets]\nflops = "1 MF"\n')
    ran = attnprobe("check", str(saved_scan))
    assert ran.exit_code == 1
    assert "attnprobe.toml:3" in ran.stdout


def test_growth_since_a_saved_scan_breaks_a_budget_of_change(
    attnprobe: Callable[..., Ran], saved_scan: Path, tmp_path: Path
) -> None:
    flops = gpt_scan().totals["flops_forward"]
    assert flops is not None
    smaller = replace(gpt_scan(), totals={**gpt_scan().totals, "flops_forward": flops / 2})
    (tmp_path / "base.json").write_text(scan_file.dump(smaller))
    (tmp_path / "attnprobe.toml").write_text('select = ["AP9"]\n[budgets.delta]\nflops = "+2%"\n')
    ran = attnprobe("check", str(saved_scan), "--base", "base.json")
    assert ran.exit_code == 1
    assert "AP901" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--select", "AP999"), "no rule is named 'AP999'"),
        (("--today", "2026-13-01"), "is not a day"),
        (("--baseline", "nothing.json"), "does not exist"),
        (("--fail-on", "fatal"), "fatal"),
    ],
)
def test_what_is_wrong_with_the_options_is_exit_2(
    attnprobe: Callable[..., Ran], saved_scan: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = attnprobe("check", str(saved_scan), *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_a_model_that_fails_is_exit_3(attnprobe: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(FAULTY.replace("return x +", "raise OSError('no disk')  #"))
    ran = attnprobe("check", "net.py", "--static")
    assert ran.exit_code == 3
    assert "no disk" in ran.stderr
