"""Processes that draw patches, really killed and really hanging."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from training_cases import PATCH, short_course, small_subjects

from study.errors import LoaderError
from study.training import batches as loading
from study.training.batches import Batch, batches
from study.training.course import Course
from study.training.ranks import Ranks
from study.training.samples import Samples

pytestmark = pytest.mark.slow
BATCH = 2


class Faulty(Samples):
    """Something happens to the process that draws the fifth batch, which it does once the first one has been taken."""

    def __init__(self, course: Course, fault: str) -> None:
        super().__init__(course, small_subjects(), PATCH, 1)
        self.fault = fault

    def __getitem__(self, number: int) -> tuple[np.ndarray[Any, Any], ...]:
        if number == 4 * BATCH:
            if self.fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.fault == "hangs":
                time.sleep(3600)
            elif self.fault == "broken":
                raise OSError(116, "Stale file handle")
        return super().__getitem__(number)


def stream_with(fault: str, workers: int) -> Iterator[Batch]:
    """Batches, of which the first one is whole."""
    course = short_course(batch_size=BATCH, loader_workers=workers)
    stream = batches(Faulty(course, fault), 0, Ranks())
    assert len(next(stream)) == BATCH
    return stream


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOOK_S", 0.2)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_process_is_noticed(workers: int) -> None:
    stream = stream_with("killed", workers)
    with pytest.raises(LoaderError, match=rf"one of {workers} processes that draw patches died"):
        list(stream)


def test_a_hanging_process_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_with("hangs", 1)
    monkeypatch.setattr(loading, "PATIENCE_S", 0.5)
    with pytest.raises(LoaderError, match=r"hangs \(DataLoader timed out .*resume with resume=true"):
        list(stream)


def test_an_error_in_a_process_is_raised_as_what_it_is() -> None:
    with pytest.raises(OSError, match="Stale file handle"):
        list(stream_with("broken", 1))


def test_a_slow_process_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOOK_S", 0.001)  # a process needs longer to start
    assert len(list(stream_with("none", 1))) == 4 * 3 - 1
