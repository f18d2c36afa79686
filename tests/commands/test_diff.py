"""`attnprobe diff`: real repositories, real scans of a small GPT."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands.revisions.repositories import commit, git, gpt, repository, state, write
from tests.commands.running import Ran

QUICK = ("--static", "--seq-len", "16", "--probe", "flops", "--probe", "memory", "--probe", "kv_cache")
Attnprobe = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the GPT at its root; the working directory."""
    folder = repository(tmp_path / "project", {"model.py": gpt(), "readme.txt": "1"})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(folder)
    return folder


def scan_of(folder: Path) -> dict[str, Any]:
    saved: dict[str, Any] = json.loads((folder / "scan.json").read_text())
    return saved


def verdicts(comparison: dict[str, Any], kind: str) -> dict[str, tuple[object, object, str]]:
    """By name; texts of sites by what they begin with."""
    return {
        change["name"]: (change["base"], change["head"], change["verdict"])
        for change in comparison["changes"]
        if change["kind"] == kind
    }


def sites(comparison: dict[str, Any]) -> list[tuple[str, object, object]]:
    return [
        (change["where"], change["base"], change["head"])
        for change in comparison["changes"]
        if change["kind"] == "site" and not isinstance(change["base"], int)
    ]


def test_what_changed_in_the_working_tree(attnprobe: Attnprobe, project: Path, tmp_path: Path) -> None:
    write(project, {"model.py": gpt(kv_heads=1, layers=2, window=4), "notes.txt": "not tracked"})
    git(project, "add", "readme.txt")
    before = state(project)
    ran = attnprobe("diff", "--base", "main", "model.py", *QUICK, "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    comparison = scan_of(project)["comparison"]
    short = git(project, "rev-parse", "--short=7", "main")
    assert comparison["base"] == f"main ({short})"
    assert comparison["head"] == f"working tree ({short}, changed)"
    totals = verdicts(comparison, "total")
    # Keys and values of one token: 2 · kv_heads · 4 · 4 bytes in each layer.
    assert totals["kv_cache_bytes_per_token"] == (2 * 4 * 4 * 4 * 3, 2 * 1 * 4 * 4 * 2, "better")
    # Embedding 32 · 16, norm 2 · 16; projections 16 · (16 + 16) + 2 · 16 · 4 · kv_heads.
    assert totals["parameters"] == (512 + 3 * (32 + 512 + 512), 512 + 2 * (32 + 512 + 128), "better")
    assert sites(comparison) == [
        ("blocks.{0..1}.attn", "num_kv_heads 4", "num_kv_heads 1"),
        ("blocks.{0..1}.attn", "window none", "window 4"),
        ("blocks.2.attn", "dot_product, 4 heads", None),
    ]
    (project / "scan.json").unlink()
    assert state(project) == before
    assert list((tmp_path / "scratch").glob("attnprobe-*")) == []
    assert "FLOPs" in ran.stdout
    assert "blocks.2.attn" in ran.stdout


def test_two_revisions_without_the_working_tree(attnprobe: Attnprobe, project: Path) -> None:
    git(project, "tag", "v1")
    commit(project, {"model.py": gpt(layers=4)})
    write(project, {"model.py": "raise RuntimeError('the working tree is not looked at')"})
    ran = attnprobe("diff", "--base", "v1", "--head", "HEAD", "model.py", *QUICK, "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    saved = scan_of(project)
    assert sites(saved["comparison"]) == [("blocks.3.attn", None, "dot_product, 4 heads")]
    assert saved["sites"][0]["location"]["file"] == "model.py"
    assert str(project.parent / "scratch") not in json.dumps(saved)


def test_flops_that_grew_fail_where_warnings_do(attnprobe: Attnprobe, project: Path) -> None:
    write(project, {"model.py": gpt(layers=4)})
    ran = attnprobe("diff", "--base", "main", "model.py", *QUICK, "--fail-on", "warning", "--select", "AP901")
    assert ran.exit_code == 1, ran.stderr
    assert "AP901" in ran.stdout
    lenient = ("--select", "AP901", "-q", "-o", "json=scan.json")
    ran = attnprobe("diff", "--base", "main", "model.py", *QUICK, *lenient)
    assert ran.exit_code == 0
    (finding,) = scan_of(project)["findings"]
    # Every layer costs the same, and nothing else costs FLOPs: 4 layers after 3.
    assert finding["evidence"]["flops_growth"] == pytest.approx(1 / 3)


def test_a_kernel_that_was_lost_is_one_finding_for_all_its_layers(
    attnprobe: Attnprobe, project: Path
) -> None:
    write(project, {"model.py": gpt(is_fused=False)})
    ran = attnprobe("diff", "--base", "main", "model.py", *QUICK, "--select", "AP905", "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    (finding,) = scan_of(project)["findings"]
    assert (finding["rule"], finding["where"]) == ("AP905", "blocks.{0..2}.attn")
    assert len(finding["instances"]) == 3
    assert finding["evidence"]["kernel_after"] == "unfused"
    assert finding["location"]["file"] == "model.py"


def test_comments_of_the_revision_that_is_judged_ignore_its_findings(
    attnprobe: Attnprobe, project: Path
) -> None:
    comment = "            # attnprobe: ignore[AP905] -- the weights are looked at"
    by_hand = gpt(is_fused=False).replace("            y = (q", f"{comment}\n            y = (q")
    commit(project, {"model.py": by_hand})
    write(project, {"model.py": "the working tree is not looked at"})
    revisions = ("--base", "HEAD~1", "--head", "HEAD")
    ran = attnprobe("diff", *revisions, "model.py", *QUICK, "--select", "AP905", "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    saved = scan_of(project)
    assert saved["findings"] == []
    line = by_hand.splitlines().index(comment) + 1
    assert [each["origin"] for each in saved["ignored"]] == [f"model.py:{line}"]


def test_a_budget_of_a_change_fails_the_diff(attnprobe: Attnprobe, project: Path) -> None:
    write(project, {"model.py": gpt(layers=4), "attnprobe.toml": '[budgets.delta]\nflops_forward = "+2%"\n'})
    ran = attnprobe("diff", "--base", "main", "model.py", *QUICK, "--select", "AP909", "-o", "json=scan.json")
    assert ran.exit_code == 1, ran.stderr
    (budget,) = scan_of(project)["budgets"]
    assert (budget["is_met"], budget["value"] / budget["base"]) == (False, pytest.approx(4 / 3))
    write(project, {"attnprobe.toml": '[budgets.delta]\nflops_forward = "+34%"\n'})
    assert attnprobe("diff", "--base", "main", "model.py", *QUICK, "--select", "AP909").exit_code == 0


def test_a_broken_head_and_a_broken_base_are_named(attnprobe: Attnprobe, project: Path) -> None:
    broken = gpt().replace("x = self.embed(ids)", "x = self.embed(ids) @ ids")
    before = state(project)
    write(project, {"model.py": broken})
    ran = attnprobe("diff", "--base", "main", "model.py", *QUICK)
    assert ran.exit_code == 3
    assert "error[E-MODEL] working tree (" in ran.stderr
    commit(project, {"model.py": broken})
    write(project, {"model.py": gpt()})
    ran = attnprobe("diff", "--base", "HEAD", "model.py", *QUICK)
    assert ran.exit_code == 3
    assert "error[E-MODEL] HEAD (" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert state(project)[4].count("worktree ") == before[4].count("worktree ") == 1


@pytest.mark.parametrize("target", ["new.py", "model.py:Second", "package.new:GPT"])
def test_a_target_that_the_base_does_not_have_was_added(
    attnprobe: Attnprobe, project: Path, target: str
) -> None:
    second = gpt() + "\n\nclass Second(GPT):\n    pass\n"
    write(project, {"new.py": gpt(), "model.py": second, "package/__init__.py": "", "package/new.py": gpt()})
    ran = attnprobe("diff", "--base", "main", target, *QUICK, "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    comparison = scan_of(project)["comparison"]
    assert {change["verdict"] for change in comparison["changes"]} == {"added"}
    assert comparison["reasons"] == [f"the target does not exist in {comparison['base']}"]
    assert "blocks.{0..2}.attn" in verdicts(comparison, "site")


def test_a_nested_project_is_scanned_with_the_modules_of_its_version(
    attnprobe: Attnprobe, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = gpt().replace("HEADS, KV_HEADS, LAYERS, WINDOW = 4, 4, 3, None", "from sizes import *")
    nested = {
        "子 项目/model.py": model,
        "子 项目/sizes.py": "HEADS, KV_HEADS, LAYERS, WINDOW = 4, 4, 3, None",
    }
    commit(project, nested)
    write(project, {"子 项目/sizes.py": "HEADS, KV_HEADS, LAYERS, WINDOW = 4, 2, 3, None"})
    monkeypatch.chdir(project / "子 项目")
    for target in ("model.py", str(project / "子 项目" / "model.py")):
        ran = attnprobe("diff", "--base", "HEAD", target, *QUICK, "-o", "json=scan.json")
        assert ran.exit_code == 0, ran.stderr
        comparison = scan_of(project / "子 项目")["comparison"]
        assert sites(comparison) == [("blocks.{0..2}.attn", "num_kv_heads 4", "num_kv_heads 2")]


def test_a_package_on_the_search_path_is_taken_from_its_own_version(
    attnprobe: Attnprobe, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(project, {"src/package/__init__.py": "", "src/package/model.py": gpt()})
    write(project, {"src/package/model.py": gpt(layers=1)})
    monkeypatch.setenv("PYTHONPATH", str(project / "src"))
    ran = attnprobe("diff", "--base", "HEAD", "package.model:GPT", *QUICK, "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    assert sites(scan_of(project)["comparison"]) == [("blocks.{1..2}.attn", "dot_product, 4 heads", None)]


def test_a_module_that_is_found_in_the_working_tree_alone_is_an_error(
    attnprobe: Attnprobe, project: Path
) -> None:
    # What an import hook of an editable installation does: the working tree's file, wherever it is asked for.
    hook = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("sizes", {str(project / "sizes.py")!r})
sizes = sys.modules["sizes"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sizes)
"""
    commit(project, {"model.py": hook + gpt(), "sizes.py": ""})
    ran = attnprobe("diff", "--base", "HEAD", "model.py", *QUICK)
    assert ran.exit_code == 3
    assert "it imports sizes from the working tree" in ran.stderr


def test_both_are_scanned_at_a_length_that_both_take(attnprobe: Attnprobe, project: Path) -> None:
    def with_positions(count: int) -> str:
        source = gpt().replace(
            "self.blocks =", f"self.positions = nn.Embedding({count}, 16)\n        self.blocks ="
        )
        return source.replace(
            "x = self.embed(ids)", "x = self.embed(ids) + self.positions(torch.arange(ids.shape[1]))"
        )

    commit(project, {"model.py": with_positions(24)})
    write(project, {"model.py": with_positions(48)})
    quick = [option for option in QUICK if option not in ("--seq-len", "16")]
    ran = attnprobe("diff", "--base", "HEAD", "model.py", *quick, "-o", "json=scan.json")
    assert ran.exit_code == 0, ran.stderr
    saved = scan_of(project)
    assert saved["workload"]["seq_len"] == 24
    assert verdicts(saved["comparison"], "total")["flops_forward"][2] == "same"


def test_times_in_turns(attnprobe: Attnprobe, project: Path) -> None:
    write(project, {"model.py": gpt(layers=9)})
    ran = attnprobe(
        *("diff", "--base", "main", "model.py", *QUICK, "--infer", "-o", "json=scan.json"),
        *("--time", "paired", "--pairs", "7"),
    )
    assert ran.exit_code == 0, ran.stderr
    (times,) = scan_of(project)["comparison"]["times"]
    assert (times["metric"], len(times["base_ms"]), len(times["head_ms"])) == ("forward_ms", 7, 7)
    assert times["low"] <= times["ratio"] <= times["high"]
    # Which is faster is for the clock to say, not for a test; what follows from the interval is for both.
    said = verdicts(scan_of(project)["comparison"], "total")["forward_ms"][2]
    assert said == ("worse" if times["low"] > 1.01 else "better" if times["high"] < 0.99 else "within_noise")


def test_two_saved_scans(attnprobe: Attnprobe, project: Path) -> None:
    for name, source in (("base", gpt()), ("head", gpt(kv_heads=2))):
        write(project, {"model.py": source})
        assert attnprobe("scan", "model.py", *QUICK, "-o", f"json={name}.json").exit_code == 0
    ran = attnprobe("diff", "base.json", "head.json", "-o", "markdown=-")
    assert ran.exit_code == 0, ran.stderr
    assert "| `base.json` | `head.json` |" in ran.stdout
    assert "num\\_kv\\_heads 4 → num\\_kv\\_heads 2" in ran.stdout
    assert "attnprobe diff base.json head.json" in ran.stdout
    assert "KV cache per token" in ran.stderr  # the verdict, as stdout carries an output
    again = attnprobe("diff", "head.json", "head.json")
    assert "worse" not in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "-x", "model.py"), "'-x' is not a revision"),
        (("--base", "--output=x", "model.py"), "'--output=x' is not a revision"),
        (("--base", "nowhere", "model.py"), "no revision is named 'nowhere'"),
        (("--base", "main", "--head", "nowhere", "model.py"), "no revision is named 'nowhere'"),
        (("--base", "main"), "needs a TARGET"),
        (("--base", "main", "a.py", "b.py"), "takes one TARGET"),
        (("--base", "main", "/etc/hostname.py"), "does not exist"),
        (("one.json",), "needs two saved scans"),
        (("one.json", "two.json"), "one.json is not a file"),
        (("one.json", "two.json", "--time", "paired"), "--time paired needs --base"),
        (("--base", "main", "model.py", "--pairs", "3"), "--pairs"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(
    attnprobe: Attnprobe, project: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = state(project)
    ran = attnprobe("diff", *arguments, "--static")
    assert ran.exit_code in (2, 3)
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert state(project) == before


def test_a_target_outside_of_the_repository_has_one_version(
    attnprobe: Attnprobe, project: Path, tmp_path: Path
) -> None:
    write(tmp_path, {"other.py": gpt()})
    ran = attnprobe("diff", "--base", "main", "../other.py", *QUICK)
    assert ran.exit_code == 2
    assert "outside of the repository" in ran.stderr


def test_outside_of_a_repository_saved_scans_are_the_way(
    attnprobe: Attnprobe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    ran = attnprobe("diff", "--base", "main", "model.py")
    assert ran.exit_code == 2
    assert "attnprobe diff base.json head.json" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(project: Path, tmp_path: Path, number: int) -> None:
    slow = gpt().replace("import torch\n", "import time, torch\ntime.sleep(60)\n", 1)
    write(project, {"model.py": slow})
    before = state(project)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "attnprobe", "diff", "--base", "main", "model.py", *QUICK],
        cwd=project,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
    )
    deadline = time.monotonic() + 30
    tree = "attnprobe-*/tree/model.py"
    while not list((tmp_path / "scratch").glob(tree)) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode in (130, 143), stderr
    assert b"Traceback" not in stderr
    assert list((tmp_path / "scratch").glob("attnprobe-*")) == []
    assert state(project) == before
