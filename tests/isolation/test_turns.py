from __future__ import annotations

import os
import threading

import pytest

from attnprobe.errors import WorkerError
from attnprobe.isolation import turns
from attnprobe.isolation.limits import Limits
from attnprobe.isolation.turns import Baton, Version, run_in_turns


def batons() -> tuple[Baton, Baton, list[int]]:
    to_first, from_second = os.pipe()
    to_second, from_first = os.pipe()
    ends = [to_first, from_first, to_second, from_second]
    return Baton(0, to_first, from_first), Baton(1, to_second, from_second), ends


def test_the_two_run_in_turns_and_whoever_goes_first_changes() -> None:
    first, second, ends = batons()
    seen: list[tuple[str, int]] = []

    def run(name: str, baton: Baton) -> None:
        for pair in baton.turns(4):
            seen.append((name, pair))

    others = threading.Thread(target=run, args=("head", second))
    others.start()
    run("base", first)
    others.join(10)
    for end in ends:
        os.close(end)
    assert seen == [
        *(("base", 0), ("head", 0), ("head", 1), ("base", 1)),
        *(("base", 2), ("head", 2), ("head", 3), ("base", 3)),
    ]


def test_whoever_waits_for_a_process_that_is_gone_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_SECONDS_TO_SAY_WHY", 0.0)
    first, _, ends = batons()
    os.close(ends[3])  # the second's end to write
    with pytest.raises(WorkerError, match="gone"):
        next(first.turns(7))
    for end in ends[:3]:
        os.close(end)


def test_the_error_of_one_version_names_it_and_ends_both() -> None:
    request = {"options": {"target": "nowhere.py"}, "pairs": 7}
    broken = {"options": {"target": "nowhere.py", "device": "tpu"}, "pairs": 7}
    versions = (Version("main (1a2b3c4)", request, None), Version("working tree", broken, None))
    with pytest.raises(Exception, match=r"^(main \(1a2b3c4\)|working tree): ") as caught:
        run_in_turns("times", versions, limits=Limits(), progress=lambda *_: None)
    assert caught.value.args[0].startswith(("main (1a2b3c4): nowhere.py", "working tree: --device tpu"))
