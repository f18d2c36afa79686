from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import attnprobe as package
from attnprobe.discovered import FOLDERS, DiscoveredFolder
from attnprobe.registry import module_names
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]
ROOT = Path(package.__file__).parent.parent


def test_everything_is_listed_with_its_file(attnprobe: Attnprobe) -> None:
    listed = attnprobe("catalog").stdout
    for folder in FOLDERS:
        names = module_names(folder.package)
        assert f"{folder.title} ({len(names)})\n" in listed
        for name in names:
            assert f"{folder.package.replace('.', '/')}/{name}.py\n" in listed


def test_metrics_are_listed_by_topic_with_their_probes(attnprobe: Attnprobe) -> None:
    listed = attnprobe("catalog", "--metrics").stdout.splitlines()
    place = next(place for place, line in enumerate(listed) if line.startswith("  normalised_entropy "))
    assert [line for line in listed[:place] if not line.startswith(" ")][-1].startswith("Information: ")
    assert next(line for line in listed if line.startswith("  flops_forward ")).endswith(
        "attnprobe.probes.flops"
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.title)
def test_every_file_of_a_discovered_folder_defines_its_object(folder: DiscoveredFolder) -> None:
    for name in module_names(folder.package):
        path = ROOT / folder.package.replace(".", "/") / f"{name}.py"
        defined = {
            target.id if isinstance(target, ast.Name) else ""
            for node in ast.parse(path.read_text()).body
            for target in (
                [*node.targets] if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            )
        } | {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert folder.attribute in defined, path


def test_rules_are_listed_with_their_titles_and_files(attnprobe: Attnprobe) -> None:
    listed = attnprobe("catalog").stdout.splitlines()
    place = next(place for place, line in enumerate(listed) if line.startswith("  AP001-not-traced "))
    assert listed[place].endswith("Parts of the model that were not seen")
    assert listed[place + 1].strip() == "rules/core/AP001-not-traced.yaml"
    files = list((ROOT / "rules").rglob("*.yaml"))
    assert f"Rules ({len(files)})" in listed
