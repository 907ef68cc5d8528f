"""A training that waits for fresh brains counts the seconds, and says so once."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from study.training.waiting import Waiting


def test_the_seconds_of_each_epoch_are_those_since_the_one_before() -> None:
    supply = SimpleNamespace(waited_s=1.5)
    waiting = Waiting(supply)  # type: ignore[arg-type]
    assert waiting.end_epoch(10) == 1.5
    assert waiting.end_epoch(10) == 0
    supply.waited_s = 4.0
    assert waiting.end_epoch(10) == 2.5
    assert Waiting(None).end_epoch(10) == 0


def told(caplog: pytest.LogCaptureFixture, epochs: list[tuple[float, float]]) -> list[str]:
    """What is said of epochs that took so many seconds, of which so many were spent waiting."""
    caplog.clear()
    supply = SimpleNamespace(waited_s=0.0)
    waiting = Waiting(supply)  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "study"):
        for seconds, waited in epochs:
            supply.waited_s += waited
            waiting.end_epoch(seconds)
    return caplog.messages


def test_a_notable_share_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, [(10, 0.9)] * 5) == []
    assert told(caplog, [(10, 5)]) == []
    assert told(caplog, [(10, 5), (15, 0), (10, 5)]) == [
        "the training has waited 5 of 25 s for fresh brains; more cohort.phantom.stream_processes or a larger "
        "cohort.phantom.stream_every would spare that"
    ]
