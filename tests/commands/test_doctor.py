from __future__ import annotations

from collections.abc import Callable

import pytest

from attnprobe.commands import doctor
from attnprobe.isolation.features import features
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]


def test_versions_devices_and_guards_are_shown(attnprobe: Attnprobe) -> None:
    ran = attnprobe("doctor")
    assert ran.exit_code == 0, ran.stderr
    assert "\n  torch          2." in ran.stdout
    assert "device: " in ran.stdout
    assert "commands" in ran.stdout
    for feature in features():
        assert feature.name in ran.stdout


def test_a_plug_in_that_does_not_import_fails_the_doctor(
    attnprobe: Attnprobe, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty = {
        "torch": "2",
        "devices": [],
        "threads": 1,
        "discovered": [],
        "faults": ["the plug-in 'x' is broken"],
    }
    monkeypatch.setattr(doctor, "_machine", lambda: faulty)
    ran = attnprobe("doctor")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error[E-PLUGIN] the plug-in 'x' is broken\n")


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_what_a_platform_lacks_is_said(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    available = {feature.name for feature in features() if feature.is_available}
    assert ("process of its own" in available) == (platform != "win32")
    assert ("orphans are ended" in available) == (platform == "linux")
    assert all(feature.note for feature in features() if not feature.is_available)
