"""Threads that work while a block runs, and end with it."""

from __future__ import annotations

import threading
import time

import pytest

from study.machine.background import background


def test_work_goes_on_while_the_block_runs_and_has_ended_after_it() -> None:
    counted, ten = [], threading.Event()

    def work(closed: threading.Event) -> None:
        while not closed.wait(0.001):
            counted.append(threading.current_thread().name)
            if len(counted) == 10:
                ten.set()

    with background(work, "counting"):
        assert ten.wait(10)
    ended = len(counted)
    time.sleep(0.02)
    assert len(counted) == ended
    assert set(counted) == {"counting"}


def test_work_ends_with_a_block_that_fails() -> None:
    ended = threading.Event()

    def work(closed: threading.Event) -> None:
        closed.wait()
        ended.set()

    with pytest.raises(KeyError), background(work, "waiting"):
        raise KeyError
    assert ended.is_set()


def test_a_thread_that_hangs_is_waited_for_no_longer_than_wanted() -> None:
    go_on = threading.Event()
    began = time.monotonic()
    with background(lambda closed: bool(go_on.wait()), "hanging", patience_s=0.05):
        pass
    assert 0.05 <= time.monotonic() - began < 5
    go_on.set()
