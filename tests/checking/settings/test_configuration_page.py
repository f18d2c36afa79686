from __future__ import annotations

import re
from pathlib import Path

from attnprobe.checking.settings import checked_against, read_settings
from attnprobe.checking.settings.budget_table import ALIASES
from attnprobe.checking.settings.keys import KEYS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_of_the_page_is_a_configuration(tmp_path: Path) -> None:
    from attnprobe.checking.packs import load_rules

    (example,) = EXAMPLE
    (tmp_path / "pyproject.toml").write_text(example, encoding="utf-8")
    settings = checked_against(read_settings(tmp_path), load_rules(()))
    assert settings.model == "model.py:build"
    assert len(settings.budgets) == 9
    assert settings.ignores[0].until == "2027-03-31"
    assert settings.overrides[0].options == {"AP202": {"min_len": 4096}}


def test_the_page_names_every_key() -> None:
    for name in KEYS:
        assert re.search(rf"`{name}`|^{name} = |\.{name}\]", PAGE, re.MULTILINE), name


def test_short_names_stand_for_metrics_that_exist() -> None:
    from attnprobe.dictionary import entries

    assert set(ALIASES.values()) <= set(entries(own=True))


def test_a_key_of_the_scan_is_a_parameter_of_its_command() -> None:
    from attnprobe.commands.scan import command

    names = {parameter.name for parameter in command.params}
    fields = {key.field.removeprefix("scan.") for key in KEYS.values() if key.field.startswith("scan.")}
    assert fields <= names
