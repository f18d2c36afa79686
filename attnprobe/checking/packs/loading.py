"""All rules that there are, read once per process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from attnprobe.checking.packs.building import build
from attnprobe.checking.packs.context import Source
from attnprobe.checking.packs.folders import Pack, built_in, files_of, of_packages, of_user
from attnprobe.checking.packs.names import Dictionary, dictionary
from attnprobe.checking.packs.nodes import Scalar, find
from attnprobe.checking.packs.rule import Rule
from attnprobe.checking.packs.yaml_reading import read_yaml
from attnprobe.dictionary import entries
from attnprobe.errors import RuleError, UsageError
from attnprobe.records import Metric


def load_rules(folders: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """The rules that come with us, those of other packages, and those of `folders`, by id.

    Removed rules are left out. Each set of folders is read once per process.

    Raises:
        RuleError: The first thing that is wrong, with file, line and column; or two rules of one id or name.
        PluginError: A pack of another package does not import.
    """
    return _loaded(tuple(folder.resolve() for folder in folders))


@cache
def installed() -> tuple[tuple[Rule, ...], tuple[RuleError, ...]]:
    """The same without folders of the user's, as far as it can be used, and every fault.

    Raises:
        PluginError: A pack of another package does not import.
    """
    rules: list[Rule] = []
    faults: list[RuleError] = []
    for pack in (*built_in(), *of_packages()):
        for path, shown in files_of(pack):
            try:
                rules.append(_read(path, shown, pack))
            except RuleError as error:
                faults.append(error)
    return tuple(sorted(rules, key=lambda rule: rule.id)), tuple(faults)


def find_rule(word: str) -> Rule | None:
    """The installed rule of an id or name, in any case; no other file is read. None when there is none.

    Raises:
        RuleError: Its file is wrong.
        PluginError: A pack of another package does not import.
    """
    for pack in (*built_in(), *of_packages()):
        for path, shown in files_of(pack):
            rule_id, _, name = path.stem.partition("-")
            if word.upper() == rule_id or word.lower() == name:
                return _read(path, shown, pack)
    return None


def titles() -> Iterator[tuple[str, str, str]]:
    """(id and name, English title, file) of every rule file, right or wrong, without looking further."""
    try:
        found = [each for pack in (*built_in(), *of_packages()) for each in files_of(pack)]
    except UsageError as error:
        yield "?", error.message, ""
        return
    for path, shown in found:
        try:
            title = find(read_yaml(path, shown)[0], ("text", "title", "en"))
            words = str(title.value) if isinstance(title, Scalar) else "without a title"
        except RuleError as error:
            words = error.message
        yield path.stem, words, shown


def load_file(path: Path) -> Rule:
    """One rule file.

    Raises:
        RuleError: What is wrong with it.
    """
    return _read(path, str(path), Pack(path.resolve().parent.name, "", path.parent, str(path.parent)))


def check_paths(paths: Iterable[Path]) -> tuple[tuple[Rule, ...], tuple[RuleError, ...]]:
    """Files and folders that need not be installed: what can be used of them, and every fault.

    An id or name that an installed rule of another file has is a fault too.
    """
    rules: list[Rule] = []
    faults: list[RuleError] = []
    for path in paths:
        try:
            sources = files_of(of_user(path)) if path.is_dir() else ((path, str(path)),)
        except RuleError as error:
            faults.append(error)
            continue
        for file, shown in sources:
            pack = Pack(file.resolve().parent.name, "", file.parent, str(file.parent))
            try:
                rules.append(_read(file, shown, pack))
            except RuleError as error:
                faults.append(error)
    here = {Path(rule.path).resolve() for rule in rules}
    others = [rule for rule in installed()[0] if Path(rule.path).resolve() not in here]
    try:
        _check_unique((*others, *rules))
    except RuleError as error:
        faults.append(error)
    return tuple(rules), tuple(faults)


@cache
def metric_dictionary() -> Mapping[str, Metric]:
    """Every metric of every probe by its name."""
    return {name: entry.metric for name, entry in entries().items()}


@cache
def _dictionary() -> Dictionary:
    return dictionary(metric_dictionary())


@cache
def _loaded(folders: tuple[Path, ...]) -> tuple[Rule, ...]:
    packs = (*built_in(), *of_packages(), *map(of_user, folders))
    rules = [rule for pack in packs for rule in _rules_of(pack)]
    _check_unique(rules)
    return tuple(sorted((r for r in rules if r.status != "removed"), key=lambda rule: rule.id))


def _rules_of(pack: Pack) -> Iterator[Rule]:
    for path, shown in files_of(pack):
        yield _read(path, shown, pack)


def _read(path: Path, shown: str, pack: Pack) -> Rule:
    root, text = read_yaml(path, shown)
    source = Source(root, text, shown, path, pack.name, pack.version)
    return build(source, _dictionary())


def _check_unique(rules: Iterable[Rule]) -> None:
    seen: dict[str, Rule] = {}
    for rule in rules:
        for key in (rule.id, rule.name):
            if key in seen:
                raise RuleError(
                    f"two rules are called '{key}': {seen[key].origin} and {rule.origin}",
                    hint="An id and a name belong to one rule for ever: choose others.",
                )
            seen[key] = rule
