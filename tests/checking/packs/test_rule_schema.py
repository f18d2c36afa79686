from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from attnprobe.checking.packs.nodes import plain
from attnprobe.checking.packs.schema import json_schema
from attnprobe.checking.packs.yaml_reading import parse_yaml
from attnprobe.resources import resource_dir
from tests.checking.packs.rule_files import RULE

ROOT = resource_dir("rules").parent
FILES = sorted(resource_dir("rules").rglob("*.yaml"))


def _validate(text: str) -> None:
    instance: Any = plain(parse_yaml(text, "x.yaml"))
    jsonschema.Draft202012Validator(json_schema()).validate(instance)


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    """Renew it: python -m attnprobe.checking.packs.schema > docs/rule.schema.json."""
    published = (ROOT / "docs" / "rule.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json_schema()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_rule_of_ours_is_valid_for_an_editor(path: Path) -> None:
    _validate(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("severity: warning", "severity: bad"),
        ("severity: warning\n", ""),
        ("level: site", "level: site\nmore: 1"),
        ("want: lower", "want: less"),
        ("fires: true}", "fires: 1}"),
    ],
)
def test_an_editor_sees_what_is_wrong(old: str, new: str) -> None:
    _validate(RULE)
    with pytest.raises(jsonschema.ValidationError):
        _validate(RULE.replace(old, new, 1))
