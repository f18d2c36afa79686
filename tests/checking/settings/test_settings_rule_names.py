from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from attnprobe.checking.settings import checked_against, names_rule, read_settings
from attnprobe.errors import SettingsError
from attnprobe.records import Settings


@dataclass(frozen=True)
class Share:
    """An option from 0 to 1."""

    def fault(self, value: object) -> str:
        return "" if isinstance(value, int | float) and 0 <= value <= 1 else f"{value!r} is not from 0 to 1"


@dataclass(frozen=True)
class Known:
    id: str
    name: str
    options: Mapping[str, Share] = field(default_factory=dict)


RULES = (
    Known("AP101", "unscaled-scores"),
    Known("AP202", "quadratic-core-dominates", {"share": Share()}),
    Known("ACME7", "house-style"),
)


def checked(folder: Path, text: str) -> Settings:
    (folder / "attnprobe.toml").write_text(text)
    return checked_against(read_settings(folder), RULES)


@pytest.mark.parametrize(
    ("code", "is_named"),
    [
        ("AP202", True),
        ("AP20", True),
        ("AP2", True),
        ("AP", True),
        ("A", True),
        ("quadratic-core-dominates", True),
        ("AP1", False),
        ("ap202", False),
        ("quadratic", False),
        ("", False),
    ],
)
def test_a_code_is_an_id_a_name_or_a_prefix(code: str, is_named: bool) -> None:
    assert names_rule(code, "AP202", "quadratic-core-dominates") is is_named


def test_rules_are_known_by_id_afterwards(tmp_path: Path) -> None:
    text = """
select = ["unscaled-scores", "AP2", "ACME7"]
severity = {unscaled-scores = "info"}
[options.quadratic-core-dominates]
share = 0.5
[[override]]
match = "h.*"
options = {AP202.opt_share = 0.1}
severity = {house-style = "error"}
"""
    settings = checked(tmp_path, text)
    assert settings.severity == {"AP101": "info"}
    assert settings.options == {"AP202": {"share": 0.5}}
    assert settings.overrides[0].options == {"AP202": {"share": 0.1}}
    assert settings.overrides[0].severity == {"ACME7": "error"}


@pytest.mark.parametrize(
    ("text", "message", "location"),
    [
        (
            '\nselect = ["AP102"]',
            "no rule is named 'AP102'; did you mean 'AP202'?",
            "attnprobe.toml:2",
        ),
        ('select = ["ap101"]', "no rule is named 'ap101'; did you mean 'AP101'?", "attnprobe.toml:1"),
        ('select = ["AP9"]', "no rule is named 'AP9'", "attnprobe.toml:1"),
        (
            '[severity]\nunscaled-score = "info"',
            "no rule is named 'unscaled-score'; did you mean 'unscaled-scores'?",
            "attnprobe.toml:2",
        ),
        (
            "options.AP202.shar = 1",
            "AP202 has no option 'shar'; did you mean 'share'?",
            "attnprobe.toml:1",
        ),
        ("options.AP101.share = 1", "AP101 has no option 'share'", "attnprobe.toml:1"),
        ("\n\noptions.AP202.opt_share = 2", "AP202.share: 2 is not from 0 to 1", "attnprobe.toml:3"),
        ('\n"options"."AP202.share" = 2', None, "attnprobe.toml:2"),
        ('[[override]]\nmatch = "h"\noptions = {AP7.x = 1}', "no rule is named 'AP7'", "attnprobe.toml:1"),
    ],
)
def test_a_rule_or_option_that_does_not_exist_is_refused_at_its_place(
    text: str, message: str | None, location: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        checked(tmp_path, text)
    if message:
        assert caught.value.message.startswith(message)
    assert caught.value.location == location


def test_an_ignore_of_an_unknown_rule_is_no_error(tmp_path: Path) -> None:
    assert checked(tmp_path, 'ignore = ["AP999"]').ignores[0].rules == ("AP999",)
