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


def test_a_metric_of_health_is_explained_with_its_topic_and_whether_it_needs_data(
    attnprobe: Attnprobe,
) -> None:
    said = attnprobe("explain", "normalised_entropy").stdout
    for part in ("Of each    head and site\n", "Topic      information\n", "Needs data yes", "Not said   "):
        assert part in said
    assert "Needs data" not in attnprobe("explain", "flops_forward").stdout


def test_without_a_name_all_metrics_are_listed_by_topic(attnprobe: Attnprobe) -> None:
    said = attnprobe("explain").stdout
    titles = [line for line in said.splitlines() if line and not line.startswith(" ")]
    assert titles[0].startswith("What attention costs (")
    assert titles[-1].startswith("Error codes (")
    assert said.index("  flops_forward ") < said.index("Information: ") < said.index("  normalised_entropy ")


def test_a_name_that_nothing_has_offers_the_nearest(attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", "normalized_entropy")
    assert ran.exit_code == 2
    assert "did you mean 'normalised_entropy'?" in ran.stderr
