from __future__ import annotations

from collections.abc import Callable

import pytest

from attnprobe.errors import AttnprobeError
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]


def test_a_metric_is_explained_with_unit_method_and_limits(attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", "flops_forward")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("flops_forward: ")
    for part in ("Unit       FLOP\n", "Certainty  exact", "Found by   ", "Probe      attnprobe.probes.flops"):
        assert part in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 96


def _codes(cls: type[AttnprobeError]) -> set[str]:
    return {cls.code}.union(*(_codes(child) for child in cls.__subclasses__()))


@pytest.mark.parametrize("code", sorted(_codes(AttnprobeError)))
def test_every_error_code_is_explained(code: str, attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", code)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"{code}: ")
    assert "Exit code" in ran.stdout


def test_a_code_is_found_in_lower_case_too(attnprobe: Attnprobe) -> None:
    assert attnprobe("explain", "e-worker").stdout.startswith("E-WORKER: ")
