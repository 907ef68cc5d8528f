"""Processes that make brains: really started, really killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from killing import Marked
from stream_cases import brains_of, simulated_in

from study.cohort.records import SubjectFacts
from study.errors import ProducerError
from study.imaging.stored import open_prepared
from study.machine.processes import Pool, process_pool
from study.streaming.making import make_brain
from study.streaming.supply import NICENESS, supplying

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


def test_two_trainings_at_a_time_make_each_brain_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Counter[bool] = Counter()
    submit = Pool.submit

    def counting(pool: Pool, *job: Any) -> Future[bool]:
        future = submit(pool, *job)
        future.add_done_callback(lambda done: made.update([done.result()]))
        return future

    monkeypatch.setattr(Pool, "submit", counting)

    def train(cache: Path) -> list[Path]:
        stream = simulated_in(cache, processes=1)
        brains = brains_of(stream, 1)
        with supplying(stream, [{brain} for brain in brains]) as supply:
            assert supply is not None
            for _ in brains:
                supply.wait_for_next()
        return [stream.recipe.entry(brain) for brain in brains]

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(train, [tmp_path, tmp_path])
    assert one == other
    assert made[True] == len(one) == 4
    assert sorted(tmp_path.glob("*/*")) == sorted(one)
    assert {open_prepared(folder, SubjectFacts("x")).present for folder in one} == {(True, True)}


def test_processes_that_were_killed_are_told_to_who_waits(tmp_path: Path) -> None:
    stream = simulated_in(tmp_path, processes=1)
    brains = brains_of(stream, 10)
    with supplying(stream, [{brain} for brain in brains]) as supply:
        assert supply is not None
        supply.wait_for_next()
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        with pytest.raises(ProducerError, match="one of 1 processes that make fresh brains died"):
            [supply.wait_for_next() for _ in brains[1:]]


def test_a_full_disk_is_told_to_who_waits(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    stream = simulated_in(cache, processes=1)
    brain = brains_of(stream, 1)[0]
    cache.mkdir()
    stream.recipe.entry(brain).parent.write_text("in the way")
    with supplying(stream, [{brain}]) as supply:
        assert supply is not None
        with pytest.raises(ProducerError, match=r"could not be made .*File exists.*resume=true") as caught:
            supply.wait_for_next()
    assert isinstance(caught.value.__cause__, OSError)


def test_nothing_is_made_any_more_at_the_end_of_a_training(tmp_path: Path) -> None:
    stream = simulated_in(tmp_path)
    with supplying(stream, [{brain} for brain in brains_of(stream, 100)]) as supply:
        assert supply is not None
        supply.wait_for_next()
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []
    assert len(list(tmp_path.glob("*/[!.]*"))) < 100


def test_no_process_outlives_a_training_that_is_killed(tmp_path: Path) -> None:
    with Marked.start([str(HERE / "hungry.py"), str(tmp_path)]) as training:
        training.wait_for((tmp_path / "begun").exists)
        assert len(training.others()) >= 2
        training.process.kill()
        training.end()


def test_what_is_made_gives_way_to_trainings() -> None:
    with process_pool(1, NICENESS) as pool:
        assert pool.submit(os.nice, 0).result() == min(os.nice(0) + NICENESS, 19)


def test_a_brain_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    stream = simulated_in(tmp_path)
    brain = brains_of(stream, 1)[0]
    assert make_brain(stream.recipe, brain)
    with supplying(stream, [{brain}]) as supply:
        assert supply is not None
        supply.wait_for_next()
        assert multiprocessing.active_children() == []
