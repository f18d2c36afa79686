"""SARIF: what the standard and GitHub ask for, and no text that reads as a link or a placeholder."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from judged_findings import FINGERPRINTS, mask_finding, model_finding
from judged_scans import judged_scan, many_findings, passed_scan, without_comparison
from sample_scans import empty_scan, gpt_scan

from attnprobe.records import Location
from attnprobe.report.sarif.log import sarif_log, sarif_text
from attnprobe.report.sarif.rules import help_address, pascal

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-written.schema.json").read_text())
OFFICIAL = os.environ.get("SARIF_SCHEMA", "")  # a copy of the standard's own sarif-schema-2.1.0.json


def run_of(scan, language="en"):
    log = json.loads(sarif_text(scan, language))
    Draft202012Validator(SCHEMA).validate(log)
    return log["runs"][0]


def result_of(scan, rule):
    return next(each for each in run_of(scan)["results"] if each["ruleId"] == rule)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scan", [judged_scan, without_comparison, passed_scan, gpt_scan, empty_scan])
def test_every_scan_makes_a_valid_file(scan, language):
    assert run_of(scan(), language)["language"] == language


@pytest.mark.skipif(not OFFICIAL, reason="SARIF_SCHEMA names no copy of the official schema")
@pytest.mark.parametrize("scan", [judged_scan, passed_scan, gpt_scan])
def test_the_official_schema_agrees(scan):
    Draft4Validator(json.loads(Path(OFFICIAL).read_text())).validate(sarif_log(scan(), "en"))


@pytest.mark.parametrize("scan", [judged_scan, passed_scan, gpt_scan])
def test_another_implementation_of_the_standard_reads_it(scan):
    from sarif_pydantic import Sarif

    read = Sarif.model_validate_json(sarif_text(scan(), "en"))
    (run,) = read.runs
    assert len(run.results) == len(run_of(scan())["results"])
    assert [rule.id for rule in run.tool.driver.rules or ()] == [
        rule["id"] for rule in run_of(scan())["tool"]["driver"].get("rules", ())
    ]


def test_each_rule_stands_once_and_its_results_point_to_it():
    run = run_of(judged_scan())
    driver, (extension,) = run["tool"]["driver"], run["tool"]["extensions"]
    assert [rule["id"] for rule in driver["rules"]] == [
        "AP101", "AP105", "AP202", "AP205", "AP207", "AP301", "AP302", "AP502", "AP601", "AP606", "AP901",
    ]  # fmt: skip
    assert (extension["name"], extension["version"]) == ("acme-rules", "1.2.0")
    assert [rule["id"] for rule in extension["rules"]] == ["ACME1"]
    for result in run["results"]:
        if result["ruleId"] == "ACME1":
            assert result["rule"] == {"index": 0, "toolComponent": {"index": 0}}
        else:
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_rule_says_what_github_shows():
    rule = run_of(judged_scan())["tool"]["driver"]["rules"][1]
    assert rule["name"] == "MaskValueUnsafeInDtype"
    assert rule["shortDescription"] == {"text": "A mask value that is unsafe in the dtype"}
    assert rule["defaultConfiguration"] == {"level": "error"}
    assert rule["properties"]["precision"] == "very-high"
    assert rule["properties"]["category"] == "correctness"
    assert rule["helpUri"] == "https://arxiv.org/abs/1706.03762"
    assert "It costs memory and time." in rule["help"]["markdown"]


def test_help_is_at_an_address_of_https_alone():
    assert help_address(("see http://a.example", "https://b.example/x.")) == "https://b.example/x"
    assert help_address(("javascript:alert(1)", "ftp://a.example")) == ""
    assert help_address(("arXiv:2005.00743, section 2",)) == "https://arxiv.org/abs/2005.00743"


def test_a_name_is_in_pascal_case():
    assert pascal("kv-cache-heavy") == "KvCacheHeavy"
    assert pascal("<b>") == "B"
    assert pascal("注意力") == "Rule"


def test_a_region_is_whole_where_python_told_it():
    place = result_of(judged_scan(), "AP105")["locations"][0]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "model.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 41, "startColumn": 18, "endLine": 41, "endColumn": 47},
    }
    assert len(place["logicalLocations"]) == 24
    assert result_of(judged_scan(), "AP301")["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 58
    }


def test_a_region_that_ends_before_it_starts_has_no_end():
    odd = Location("model.py", 41, "forward", 40, 18, 5)
    scan = replace(judged_scan(), findings=(replace(mask_finding(), location=odd),))
    region = result_of(scan, "AP105")["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 41, "startColumn": 18}


def test_a_path_is_percent_encoded():
    uri = result_of(judged_scan(), "AP601")["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "layers/%E6%B3%A8%E6%84%8F%E5%8A%9B%20block.py"


def test_instances_at_other_lines_are_related_locations():
    related = result_of(judged_scan(), "AP301")["relatedLocations"]
    assert [each["physicalLocation"]["region"]["startLine"] for each in related] == list(range(58, 82))
    assert related[1]["message"]["text"] == "blocks.1.attn"
    assert "relatedLocations" not in result_of(judged_scan(), "AP105")  # all 24 at one line


def test_a_finding_without_a_line_stands_at_the_target_or_the_configuration_or_nowhere():
    at_target = result_of(judged_scan(), "AP302")["locations"][0]["physicalLocation"]
    assert at_target["artifactLocation"]["uri"] == "model.py"
    scan = judged_scan()
    named = replace(scan, model=replace(scan.model, target="hf:llama"), findings=(model_finding(),))
    at_settings = result_of(named, "AP302")["locations"][0]["physicalLocation"]
    assert at_settings["artifactLocation"]["uri"] == "pyproject.toml"
    nowhere = replace(named, judgement=replace(scan.judgement, origins=()))
    assert result_of(nowhere, "AP302")["locations"] == []


def test_fingerprints_are_those_of_the_finding():
    assert result_of(judged_scan(), "AP105")["partialFingerprints"] == {
        "primaryLocationLineHash": "3fa94c1b2e6d7a80:1",
        "attnprobe/v1": "3fa94c1b2e6d7a80",
    }


def test_what_is_ignored_is_suppressed_with_its_reason():
    by_settings, by_comment = (
        result_of(judged_scan(), rule)["suppressions"][0] for rule in ("AP202", "AP205")
    )
    assert by_settings["kind"] == "external"
    assert by_settings["justification"] == "retrieval heads need the full context"
    assert by_settings["properties"] == {"until": "2027-03-31", "owner": "@lin"}
    assert by_comment["kind"] == "inSource"
    assert by_comment["location"]["physicalLocation"]["region"] == {"startLine": 58}
    assert result_of(judged_scan(), "AP105")["suppressions"] == []


def test_the_state_against_the_baseline_is_told_only_with_a_baseline():
    states = {rule: result_of(judged_scan(), rule)["baselineState"] for rule in ("AP105", "AP301", "AP601")}
    assert states == {"AP105": "new", "AP301": "updated", "AP601": "unchanged"}
    without = replace(judged_scan(), judgement=replace(judged_scan().judgement, baseline=""))
    assert all("baselineState" not in each for each in run_of(without)["results"])


def test_the_invocation_tells_the_exit_code_and_what_was_not_measured():
    (invocation,) = run_of(judged_scan())["invocations"]
    assert invocation["executionSuccessful"] is True
    assert invocation["exitCode"] == 1
    (note,) = invocation["toolExecutionNotifications"]
    assert note["message"]["text"] == "AP502 was not measured: the inputs are random"
    assert note["associatedRule"] == {"id": "AP502", "index": 7}
    (notice,) = invocation["toolConfigurationNotifications"]
    assert notice["message"]["text"] == "the ignore of AP202 at pyproject.toml:31 expires in 9 days"
    assert run_of(passed_scan())["invocations"][0]["exitCode"] == 0


def test_results_are_cut_at_5000_and_the_cut_is_told():
    run = run_of(many_findings(5003))
    assert len(run["results"]) == 5000
    note = run["invocations"][0]["toolExecutionNotifications"][-1]
    # 5,003 findings and two ignored ones
    assert note["message"]["text"] == "only the first 5000 results are in this file: 5 more were left out"


def test_what_fails_the_check_survives_the_cut():
    scan = many_findings(5003)
    scan = replace(scan, findings=(*scan.findings, mask_finding()))
    assert run_of(scan)["results"][0]["ruleId"] == "AP105"


def test_a_message_holds_no_placeholder_and_no_link_of_others():
    trap = replace(mask_finding(), message="{0} [here](http://beacon.example)", messages={}, where="")
    text = result_of(replace(judged_scan(), findings=(trap,)), "AP105")["message"]["text"]
    assert "[0] [here] (http://beacon.example)" in text


def test_numbers_of_the_evidence_are_kept_unrounded():
    saving = result_of(judged_scan(), "AP301")["properties"]["savings"][0]
    assert saving["amount"] == 24 * 16 * 2048 * 2048 * 4
    assert saving["status"] == "modelled"
    assert FINGERPRINTS["AP301"] not in json.dumps(saving)
