"""The time that an iterator takes, without what is done with its items."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from study.machine import stopwatch
from study.machine.stopwatch import Stopwatch


def test_only_the_making_of_the_items_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])

    def slow() -> Iterator[int]:
        for number in range(3):
            now[0] += 2.0
            yield number

    clock, seen = Stopwatch(), []
    for item in clock.timed(slow()):
        now[0] += 10.0
        seen.append(item)
    assert (seen, clock.seconds) == ([0, 1, 2], 6.0)
