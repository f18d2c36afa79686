"""For people whose gate is their test suite: scan a model, apply the rules, fail with the findings as text.

And for those who write an attention: `assert_core_conforms` and `assert_module_conforms` test that it keeps
its word (`attnprobe.conformance`; imported, with torch, on first use).

    from attnprobe.testing import assert_no_findings

    def test_attention_is_sound():
        assert_no_findings(build_model(), inputs, select=["AP1"], causal=True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnprobe.api import check, scan
from attnprobe.checking.evaluating import chosen
from attnprobe.dictionary import probes_of
from attnprobe.errors import UsageError
from attnprobe.judging import prepare
from attnprobe.records import Finding, Scan, Settings, Severity

if TYPE_CHECKING:
    from torch import nn

    from attnprobe.conformance import assert_core_conforms, assert_module_conforms

__all__ = ["assert_core_conforms", "assert_module_conforms", "assert_no_findings"]

_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")


def __getattr__(name: str) -> Any:
    if name in ("assert_core_conforms", "assert_module_conforms"):
        import attnprobe.conformance

        return getattr(attnprobe.conformance, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def assert_no_findings(
    model: nn.Module,
    inputs: Any = None,
    loss: Callable[[Any, Any], Any] | None = None,
    *,
    select: Iterable[str] = ("AP",),
    ignore: Iterable[str] = (),
    at_least: Severity = "warning",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    config: str | Path | None = None,
    must_measure: bool = False,
    **scan_options: Any,
) -> Scan:
    """Scan a model with the probes that the selected rules read, and fail when one of the rules fires.

    Args:
        model: Any module; given back exactly as it was.
        inputs: As for `attnprobe.scan`.
        loss: As for `attnprobe.scan`.
        select: Rules, by id, name or prefix: ["AP1", "kv-cache-heavy"].
        ignore: Rules to leave out.
        at_least: Findings below this severity do not fail.
        options: Thresholds by rule: {"AP302": {"limit": 4096}}.
        config: A configuration file whose options, ignores and overrides hold too. None: no file is read.
        must_measure: Fail also when a selected rule could not be measured.
        scan_options: Further arguments of `attnprobe.scan`: causal, static, data, seq_len …

    Returns:
        The judged scan.

    Raises:
        AssertionError: A rule fired; the text names rule, place, line, number and limit of each.
        AttnprobeError: The model cannot be scanned, or an argument is wrong.
    """
    if at_least not in _SEVERITIES:
        raise UsageError(f"at_least is '{at_least}'; expected one of {', '.join(_SEVERITIES)}")
    select, ignore = tuple(select), tuple(ignore)
    scan_options.setdefault("probes", _probes(Settings(select=select, deselect=ignore)))
    found = scan(model, inputs, loss, **scan_options)
    judged = check(found, select=select, ignore=ignore, options=options, config=config)
    severe = [
        each for each in judged.findings if _SEVERITIES.index(each.severity) >= _SEVERITIES.index(at_least)
    ]
    missing = [each for each in judged.outcomes if each.outcome == "not_measured"] if must_measure else []
    if severe or missing:
        lines = [_line(finding) for finding in severe]
        lines += [f"{each.rule} could not be measured: {each.reason}" for each in missing]
        raise AssertionError("\n".join((f"attnprobe: {len(lines)} in {judged.model.entry}", *lines)))
    return judged


def _probes(settings: Settings) -> tuple[str, ...]:
    """What measures the numbers that the chosen rules read; the cheapest probe when they read none."""
    rules = chosen(prepare(settings)[0], settings)
    return probes_of(metric for rule in rules for metric in rule.metrics) or ("flops",)


def _line(finding: Finding) -> str:
    where = finding.where or "the model"
    line = f" ({finding.location})" if finding.location else ""
    return f"{finding.severity} {finding.rule} {where}{line}: {finding.message} [{finding.formula}]"
