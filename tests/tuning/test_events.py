"""Passing changes on without holding anybody up."""

from __future__ import annotations

import logging
import threading

import pytest

from study.tuning.events import TrialEvents


def test_changes_that_pile_up_become_one_call_and_the_last_is_never_lost() -> None:
    heard: list[int] = []
    entered, release = threading.Event(), threading.Event()

    def listen(number: int) -> None:
        heard.append(number)
        entered.set()
        release.wait(10)

    events = TrialEvents(listen)
    events.changed(0)
    entered.wait(10)
    for number in (0, 1, 0, 1, 0):
        events.changed(number)
    release.set()
    events.close()
    assert heard == [0, 0, 1]


def test_an_error_of_the_listener_is_logged_and_the_next_is_called(caplog: pytest.LogCaptureFixture) -> None:
    heard = []

    def listen(number: int) -> None:
        if number == 1:
            raise OSError("away")
        heard.append(number)

    with caplog.at_level(logging.ERROR):
        events = TrialEvents(listen)
        for number in range(3):
            events.changed(number)
        events.close()
    assert heard == [0, 2]
    assert "trial 1: passing on its results failed" in caplog.text
