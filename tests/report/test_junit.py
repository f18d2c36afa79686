"""JUnit: a case fails exactly when it fails the check; what was not judged is skipped with its reason."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from judged_findings import mask_finding
from judged_scans import judged_scan, passed_scan, renamed_judged_scan, without_comparison
from junitparser import JUnitXml
from sample_scans import empty_scan, gpt_scan

from attnprobe.report.junit_report import report

# After junit-10.xsd of the xUnit plugin of Jenkins: the attributes and the children that an element may have.
ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"},
        {"testcase", "properties", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "system-out": (set(), set()),
}
REQUIRED = {
    "testsuite": {"name", "tests", "failures", "errors"},
    "testcase": {"name"},
    "property": {"name", "value"},
}


def parsed(scan, language="en"):
    return JUnitXml.fromstring(report.render(scan, language))


def case_of(scan, start):
    return next(case for suite in parsed(scan) for case in suite if case.name.startswith(start))


def check_structure(element):
    attributes, children = ALLOWED[element.tag]
    assert set(element.attrib) <= attributes
    assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
    for child in element:
        assert child.tag in children
        check_structure(child)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scan", [judged_scan, without_comparison, passed_scan, gpt_scan, empty_scan])
def test_every_scan_has_the_structure_of_the_schema(scan, language):
    check_structure(ElementTree.fromstring(report.render(scan(), language)))


def test_one_suite_per_category_one_per_further_pack_one_for_the_budgets():
    assert [suite.name for suite in parsed(judged_scan())] == [
        "attnprobe.correctness", "attnprobe.efficiency", "attnprobe.memory", "attnprobe.information",
        "attnprobe.redundancy", "attnprobe.change", "attnprobe.acme-rules", "attnprobe.budgets",
    ]  # fmt: skip


def test_one_case_per_rule():
    cases = [case.name for suite in parsed(judged_scan()) for case in suite if "budgets" not in suite.name]
    assert len(cases) == len(judged_scan().outcomes) == 12
    assert "AP105 mask-value-unsafe-in-dtype" in cases


def test_counts_are_of_cases():
    # correctness: AP105 fails, AP101 passes; change: AP901 fails; budgets: the FLOPs; skipped: 3
    counts = {suite.name: (suite.tests, suite.failures, suite.skipped) for suite in parsed(judged_scan())}
    assert counts["attnprobe.correctness"] == (2, 1, 0)
    assert counts["attnprobe.redundancy"] == (2, 0, 1)
    assert counts["attnprobe.budgets"] == (3, 1, 1)
    twice = replace(judged_scan(), findings=(mask_finding(), replace(mask_finding(), fingerprint="0" * 16)))
    (suite,) = [suite for suite in parsed(twice) if suite.name == "attnprobe.correctness"]
    assert (suite.tests, suite.failures) == (2, 1)


def test_a_failure_tells_what_where_and_what_helps():
    (failure,) = case_of(judged_scan(), "AP105").result
    assert failure.message == "AP105 A mask value that is unsafe in the dtype"
    assert failure.text.splitlines() == [
        "blocks.{0..23}.attn: the mask constant −1e9 overflows in float16",
        "model.py:41",
        "mask_value_unsafe = overflows",
        "→ Use torch.finfo(dtype).min as the mask value. (exact)",
    ]


def test_what_does_not_fail_the_check_passes_with_its_text():
    case = case_of(judged_scan(), "AP301")
    assert case.is_passed
    assert case.system_out.startswith("warning: blocks.{0..23}.attn: saved scores are 58 %")


def test_what_was_not_judged_is_skipped_with_its_reason():
    assert case_of(judged_scan(), "AP502").result[0].message == "not measured: the inputs are random"
    assert case_of(judged_scan(), "AP606").result[0].message == "not applicable: the weights look untrained"
    assert case_of(judged_scan(), "AP101").is_passed


def test_what_was_measured_in_part_says_so():
    told = case_of(judged_scan(), "AP601").system_out
    assert told.endswith("not measured at 16 of 384: the map of blocks.9.attn is not known")


def test_an_ignored_finding_passes_and_is_counted():
    case = case_of(judged_scan(), "AP202")
    assert case.is_passed
    assert case.system_out == "1 finding is ignored"


def test_budgets_are_cases():
    broken = case_of(judged_scan(), "flops_forward +2%").result[0]
    assert "raise it in [tool.attnprobe.budgets.delta] flops_forward, pyproject.toml:31" in broken.text
    assert case_of(judged_scan(), "kv_cache_bytes_per_token 64 KiB").is_passed
    assert "paired runs" in case_of(judged_scan(), "forward_ms").result[0].message


def test_a_broken_budget_that_does_not_block_passes():
    scan = judged_scan()
    soft = replace(scan, budgets=(replace(scan.budgets[0], is_blocking=False),))
    assert case_of(soft, "flops_forward").is_passed


def test_characters_that_xml_forbids_become_visible():
    raw = report.render(renamed_judged_scan("a]]>\x00\ufffe\ud800b"), "en")
    assert b"a]]&gt;\\x00\\ufffe\\ud800b" in raw
    assert not re.search(b"[\x00-\x08\x0b\x0c\x0e-\x1f]", raw)
    check_structure(ElementTree.fromstring(raw))
