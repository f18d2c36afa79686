from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from attnprobe.checking.packs import check_paths, load_rules, ruleset_of
from attnprobe.checking.packs import folders as folders_module
from attnprobe.checking.packs.folders import files_of, of_packages, of_user
from attnprobe.errors import PluginError, RuleError
from attnprobe.records import Override, Settings
from tests.checking.packs.rule_files import written

SECOND = (("id: ACME001", "id: ACME002"), ("name: long-sequences", "name: other-sequences"))


def test_rules_of_a_folder_join_ours_in_order_of_their_ids(tmp_path: Path) -> None:
    written(tmp_path / "acme" / "deep")
    ids = [rule.id for rule in load_rules((tmp_path / "acme",))]
    assert ids == sorted(ids)
    assert {"ACME001", "AP001"} <= set(ids)
    assert "ACME001" not in {rule.id for rule in load_rules()}


def test_a_removed_rule_keeps_its_id_but_is_not_applied(tmp_path: Path) -> None:
    written(tmp_path / "a", ("status: stable", "status: removed\nreplaced_by: AP202"))
    assert "ACME001" not in {rule.id for rule in load_rules((tmp_path / "a",))}
    written(tmp_path / "b")
    with pytest.raises(RuleError, match="two rules are called 'ACME001'"):
        load_rules((tmp_path / "a", tmp_path / "b"))


def test_two_packs_with_one_id_are_an_error_that_names_both(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b", ("name: long-sequences", "name: short"), name="ACME001-short.yaml")
    with pytest.raises(RuleError) as caught:
        load_rules((tmp_path / "a", tmp_path / "b"))
    assert "two rules are called 'ACME001'" in caught.value.message
    assert "ACME001-long-sequences.yaml" in caught.value.message
    assert "ACME001-short.yaml" in caught.value.message


def test_two_rules_of_one_name_are_an_error(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b", ("id: ACME001", "id: ACME002"), name="ACME002-long-sequences.yaml")
    with pytest.raises(RuleError, match="two rules are called 'long-sequences'"):
        load_rules((tmp_path / "a", tmp_path / "b"))


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.yaml", "../../x/../outside.yaml"])
def test_a_link_that_leaves_its_pack_is_refused(target: str, tmp_path: Path) -> None:
    written(tmp_path, name="outside.yaml")
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "ACME001-long-sequences.yaml").symlink_to(target)
    with pytest.raises(RuleError, match="is a link that leaves its pack"):
        load_rules((pack,))


def test_a_link_within_the_pack_is_followed(tmp_path: Path) -> None:
    real = written(tmp_path / "real")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / real.name).symlink_to(real)
    assert len(files_of(of_user(tmp_path))) == 2


def test_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    written(tmp_path / "elsewhere")
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "more").symlink_to(tmp_path / "elsewhere")
    (pack / "loop").symlink_to(pack)
    with pytest.raises(RuleError, match="holds no rule"):
        files_of(of_user(pack))


def test_a_file_that_ends_in_yml_is_not_passed_over(tmp_path: Path) -> None:
    written(tmp_path, name="ACME001-long-sequences.yml")
    with pytest.raises(RuleError, match=r"ends in \.yml"):
        load_rules((tmp_path,))


def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is not a folder of rules"):
        load_rules((tmp_path / "missing",))


def test_every_fault_is_listed_when_files_are_checked(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path, *SECOND, ("level: site", "level: sites"), name="ACME002-other-sequences.yaml")
    written(tmp_path, ("id: ACME001", "id: ACME003"), name="ACME003-x.yaml")
    rules, faults = check_paths([tmp_path])
    assert [rule.id for rule in rules] == ["ACME001"]
    assert len(faults) == 2
    assert check_paths([tmp_path / "none.yaml"])[1]


class _OfPackage(EntryPoint):
    """An entry point whose distribution is not installed."""

    dist = None  # type: ignore[assignment]


def _plugin(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    found = (_OfPackage(name="acme", value=value, group="attnprobe.rules"),)
    monkeypatch.setattr(folders_module, "entry_points", lambda group: found)


def test_a_package_of_rules_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "acme_rules")
    (tmp_path / "acme_rules" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    _plugin(monkeypatch, "acme_rules")
    (pack,) = of_packages()
    assert pack.name == "acme"
    assert [path.name for path, _ in files_of(pack)] == ["ACME001-long-sequences.yaml"]


@pytest.mark.parametrize(
    ("value", "message"), [("no_such_module", "do not import"), ("math", "are no folder")]
)
def test_an_entry_point_without_rules_is_an_error_that_names_it(
    value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plugin(monkeypatch, value)
    with pytest.raises(PluginError, match=message):
        list(of_packages())


def test_the_ruleset_changes_with_thresholds_and_not_with_texts(tmp_path: Path) -> None:
    def hashed(folder: str, *changes: tuple[str, str], settings: Settings | None = None) -> str:
        written(tmp_path / folder, *changes)
        return ruleset_of(check_paths([tmp_path / folder])[0], settings or Settings())

    first = hashed("a")
    assert len(first) == 16
    assert hashed("b", ('"It grows."', '"It grows fast."')) == first
    assert hashed("c", ("default: 2048", "default: 4096")) != first
    assert hashed("d", ("kv_len >= ", "kv_len > ")) != first
    assert hashed("e", settings=Settings(options={"ACME001": {"share": 0.5}})) != first
    assert (
        hashed("f", settings=Settings(overrides=(Override(match="h.*", severity={"AP1": "info"}),))) != first
    )
    assert hashed("g", settings=Settings(today="2026-01-31", language="zh")) == first


def test_loading_rules_never_imports_torch() -> None:
    code = (
        "import sys; from attnprobe.checking.packs import load_rules; from attnprobe.checking.evaluating "
        "import evaluate; assert load_rules(); assert not [m for m in sys.modules if m.startswith('torch')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
