"""The tool and its rules: those of attnprobe in the driver, those of other packs in an extension each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attnprobe.records import RuleCard, Scan
from attnprobe.report.parts.catalogue import Words, both, join, say
from attnprobe.report.parts.findings import card_title, in_both
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.sarif.messages import JsonObject, plain, without_braces

LEVELS = {"error": "error", "warning": "warning", "info": "note"}
PROBLEM_SEVERITIES = {"error": "error", "warning": "warning", "info": "recommendation"}
CORE = "core"
TEXT_LENGTH = 1024  # of a description that GitHub shows

_URL = re.compile(r"https://[A-Za-z0-9.-]+(?:/[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?")
_ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})(?:v\d+)?\b")
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands: in which extension (None: the driver), and at which index there."""

    extension: int | None
    index: int


def packs(scan: Scan) -> dict[str, list[RuleCard]]:
    """The rules by pack, each list by id; the core's first."""
    found: dict[str, list[RuleCard]] = {CORE: []}
    for card in sorted(scan.rules.values(), key=lambda each: (each.pack != CORE, each.pack, each.id)):
        found.setdefault(card.pack, []).append(card)
    return found


def places(scan: Scan) -> dict[str, Place]:
    """Where each rule stands, by its id."""
    return {
        card.id: Place(number - 1 if number else None, index)
        for number, cards in enumerate(packs(scan).values())
        for index, card in enumerate(cards)
    }


def tool(scan: Scan, language: str) -> JsonObject:
    """The tool object: the driver, and an extension per further pack of rules."""
    own, *further = packs(scan).items()
    driver = {"name": "attnprobe", **_version(scan.tool.version)}
    driver["rules"] = [descriptor(card, language) for card in own[1]]
    if not further:
        return {"driver": driver}
    extensions = [
        {
            "name": safe(name, 200) or "–",
            **_version(_version_of_pack(scan, name)),
            "rules": [descriptor(card, language) for card in cards],
        }
        for name, cards in further
    ]
    return {"driver": driver, "extensions": extensions}


def descriptor(card: RuleCard, language: str) -> JsonObject:
    """A reportingDescriptor: what GitHub shows of a rule."""
    made: JsonObject = {
        "id": safe(card.id, 255) or "–",
        "name": pascal(card.name),
        "shortDescription": {"text": plain(card_title(card, card.name), language)[:TEXT_LENGTH] or "–"},
        "fullDescription": {"text": plain(in_both(card.why, "–", TEXT_LENGTH), language)[:TEXT_LENGTH]},
        "help": _help(card, language),
        "defaultConfiguration": {"level": LEVELS[card.severity]},
        "properties": {
            "category": card.category,
            "precision": card.precision,
            "problem.severity": PROBLEM_SEVERITIES[card.severity],
            "tags": ["attention", card.category, card.status],
        },
    }
    address = help_address(card.references)
    return made | ({"helpUri": address} if address else {})


def pascal(name: str) -> str:
    """ "kv-cache-heavy" as "KvCacheHeavy"; letters and digits alone."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[0].upper() + word[1:] for word in words)[:255] or "Rule"


def help_address(references: tuple[str, ...]) -> str:
    """The first https address among the references, else that of the first arXiv paper; "" without one."""
    for reference in references:
        found = _URL.search(reference)
        if found:
            return found[0].rstrip(".,;)")
    papers = (_ARXIV.search(reference) for reference in references)
    return next((f"https://arxiv.org/abs/{found[1]}" for found in papers if found), "")


def _help(card: RuleCard, language: str) -> JsonObject:
    from attnprobe.report.markdown.escaping import code, prose

    parts: list[tuple[Words, Words]] = [
        (say("finding.why"), in_both(card.why)),
        (say("finding.how"), in_both(card.how)),
        (say("finding.wrong"), in_both(card.wrong_when)),
    ]
    known = [(heading, both(text)) for heading, text in parts if both(text).en]
    lines = [f"{plain(heading, language)}: {plain(text, language)}" for heading, text in known]
    blocks = [f"**{plain(h, language)}**\n\n{prose(plain(text, language))}" for h, text in known]
    if card.references:
        told = join(tuple(safe(each, 300) for each in card.references), "list.semicolon")
        lines.append(f"{plain(say('finding.references'), language)}: {plain(told, language)}")
        heading = plain(say("finding.references"), language)
        items = "\n".join(f"- {prose(plain(safe(each, 300), language))}" for each in card.references)
        blocks.append(f"**{heading}**\n\n{items}")
    explain = code(f"attnprobe explain {safe(card.id, 40)}")
    return {
        "text": "\n".join(lines) or "–",
        "markdown": "\n\n".join((*blocks, without_braces(explain))),
    }


def _version(version: str) -> JsonObject:
    shown = safe(version, 80)
    made = {"version": shown} if shown else {}
    return made | ({"semanticVersion": version} if _VERSION.fullmatch(version) else {})


def _version_of_pack(scan: Scan, pack: str) -> str:
    """The "1.2.0" of "acme-rules 1.2.0 (1 rule)", as the judgement names its packs."""
    named = scan.judgement.packs if scan.judgement else ()
    fitting = (text.removeprefix(f"{pack} ").split(" ")[0] for text in named if text.startswith(f"{pack} "))
    return next(fitting, "")
