"""The saved scan as an output format."""

from sample_scans import empty_scan, gpt_scan, renamed_scan, rich_scan, wide_scan

from attnprobe.registry import discover
from attnprobe.report.json_report import report
from attnprobe.report.parts.output import Report
from attnprobe.scan_file import dump, load


def test_the_json_report_is_the_saved_scan():
    assert report.render(gpt_scan(), "en") == dump(gpt_scan()).encode()
    assert report.render(gpt_scan(), "zh") == report.render(gpt_scan(), "en")


def test_every_scan_comes_back_equal():
    for scan in (gpt_scan(), rich_scan(), empty_scan(), wide_scan(50), renamed_scan("</script>\x1b\u202e")):
        assert load(report.render(scan, "en").decode()) == scan


def test_every_format_is_found_by_its_file_name():
    found = discover("attnprobe.report", "report", suffix="_report")
    assert {"html", "json", "terminal"} <= set(found)
    assert all(isinstance(plugin.value, Report) for plugin in found.values())
