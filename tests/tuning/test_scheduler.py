"""Successive halving that asks: decisions against Ray's own class and by hand, without starting Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from study.results import StudyFolder

pytest.importorskip("ray")

from ray.tune.schedulers import AsyncHyperBandScheduler

from study.tuning.scheduler import CooperativeAsha


def asha(tmp_path: Path, rungs: list[int], epochs: int = 12) -> CooperativeAsha:
    return CooperativeAsha(StudyFolder(tmp_path, "s"), rungs, 2.0, epochs)


def test_the_weaker_half_of_those_before_is_stopped_at_a_rung(tmp_path: Path) -> None:
    scheduler = asha(tmp_path, [3, 6])
    assert not scheduler.judge(0, 2, 0.1)  # no rung yet
    assert not scheduler.judge(0, 3, 0.5)  # the first of a rung goes on
    assert scheduler.judge(1, 3, 0.4)  # below the median 0.5 of those before
    assert not scheduler.judge(2, 3, 0.45)  # the median of 0.5 and 0.4
    assert scheduler.judge(3, 4, 0.44)  # beyond the rung counts as the rung
    assert not scheduler.judge(0, 6, 0.2)  # the first of the next rung
    assert not scheduler.judge(0, 12, 0.0)  # at its end a trial is through


def test_a_trial_counts_once_at_a_rung(tmp_path: Path) -> None:
    scheduler = asha(tmp_path, [3])
    scheduler.judge(0, 3, 0.5)
    assert not scheduler.judge(0, 3, 0.1)  # restarted, it reports the rung again
    assert not scheduler.judge(0, 4, 0.1)
    assert scheduler.judge(1, 3, 0.49)


def test_rungs_filled_from_an_earlier_run_decide_alike(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    values = {number: {3: float(a), 6: float(b)} for number, (a, b) in enumerate(generator.random((20, 2)))}
    through, resumed = asha(tmp_path, [3, 6]), asha(tmp_path, [3, 6])
    for number in range(10):
        for epoch, value in values[number].items():
            through.judge(number, epoch, value)
    resumed.remember({number: values[number] for number in range(10)})
    for number in range(10, 20):
        for epoch, value in values[number].items():
            assert resumed.judge(number, epoch, value) == through.judge(number, epoch, value)


def test_decisions_on_even_rungs_are_those_of_ray(tmp_path: Path) -> None:
    ours = asha(tmp_path, [1, 2, 4, 8], epochs=15)
    theirs = AsyncHyperBandScheduler(
        "epoch", "objective", "max", max_t=16, reduction_factor=2, stop_last_trials=False
    )
    generator = np.random.default_rng(1)
    stops = 0
    for number in range(40):
        trial = SimpleNamespace(trial_id=str(number), config={"number": number})
        theirs.on_trial_add(None, trial)
        for epoch in range(1, 16):
            value = float(generator.random())
            expected = theirs.on_trial_result(None, trial, {"epoch": epoch, "objective": value})
            assert ours.judge(number, epoch, value) == (expected == "STOP")
            if expected == "STOP":
                stops += 1
                break
    assert stops > 10


def test_a_stop_is_a_file_and_the_trial_goes_on_until_it_looks(tmp_path: Path) -> None:
    scheduler = asha(tmp_path, [3])
    folder = StudyFolder(tmp_path, "s")
    for number, value in enumerate([0.5, 0.1]):
        folder.trial(number).path.mkdir(parents=True)
        trial = SimpleNamespace(trial_id="abc", config={"number": number})
        assert scheduler.on_trial_result(None, trial, {"epoch": 3, "objective": value}) == "CONTINUE"
        scheduler.on_trial_complete(None, trial, {"epoch": 3, "objective": value})
    assert not folder.trial(0).stop.exists()
    assert folder.trial(1).stop.exists()


def test_a_value_that_is_no_number_decides_nothing(tmp_path: Path) -> None:
    scheduler = asha(tmp_path, [3])
    assert not scheduler.judge(0, 3, float("nan"))
    assert not scheduler.judge(1, 3, 0.5)
    assert scheduler.judge(2, 3, 0.4)
