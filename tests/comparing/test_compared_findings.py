from __future__ import annotations

from dataclasses import replace

from attnprobe.comparing import compare
from attnprobe.records import Ignored, Scan
from tests.comparing.scans import finding, scan


def changes(base: Scan, head: Scan) -> list[tuple[str, object, object, str]]:
    compared = compare(base, head, base_name="main", head_name="head")
    return [(each.name, each.base, each.head, each.verdict) for each in compared.changes]


def test_findings_are_matched_by_fingerprint() -> None:
    base = scan(findings=(finding("AP204", "aa", "b.0", "b.1"), finding("AP601", "bb", "b.0")))
    head = scan(findings=(finding("AP601", "bb", "b.0"), finding("AP301", "cc", "b.0", "b.1", "b.2")))
    assert changes(base, head) == [
        ("AP301", None, 3, "added"),
        ("AP204", 2, None, "removed"),
        ("AP601", 1, 1, "same"),
    ]


def test_more_places_are_worse_and_fewer_are_better() -> None:
    one, two = finding("AP204", "aa", "b.0"), finding("AP204", "aa", "b.0", "b.1")
    assert changes(scan(findings=(one,)), scan(findings=(two,))) == [("AP204", 1, 2, "worse")]
    assert changes(scan(findings=(two,)), scan(findings=(one,))) == [("AP204", 2, 1, "better")]


def test_a_finding_that_is_now_ignored_is_still_there() -> None:
    each = finding("AP204", "aa", "b.0")
    ignored = Ignored(finding=each, reason="retrieval head", until="", owner="", origin="pyproject.toml:3")
    head = replace(scan(), ignored=(ignored,))
    assert changes(scan(findings=(each,)), head) == [("AP204", 1, 1, "same")]
