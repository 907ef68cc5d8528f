"""What is decided on a report: against Ray's own scheduler and by hand, with a real database, without starting Ray."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from study.config import validate
from study.records import StudyFolder

pytest.importorskip("ray")

from ray.tune.schedulers import AsyncHyperBandScheduler

from study.tuning.judgement import Judgement
from study.tuning.ledger import Ledger
from study.tuning.messages import Report
from study.tuning.stopping import SuccessiveHalving
from study.workflow.searching import search_plan


def test_the_weaker_half_of_those_before_is_stopped_at_a_rung() -> None:
    rule = SuccessiveHalving([3, 6], 2.0)
    assert not rule.judge(0, 2, 0.1)  # no rung yet
    assert not rule.judge(0, 3, 0.5)  # the first of a rung goes on
    assert rule.judge(1, 3, 0.4)  # below the median 0.5 of those before
    assert not rule.judge(2, 3, 0.45)  # the median of 0.5 and 0.4
    assert rule.judge(3, 4, 0.44)  # beyond the rung counts as the rung
    assert not rule.judge(0, 6, 0.2)  # the first of the next rung
    assert not rule.judge(0, 12, 0.0)  # at its end a trial is through


def test_decisions_on_even_rungs_are_those_of_ray() -> None:
    ours = SuccessiveHalving([1, 2, 4, 8], 2.0)
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


class Search:
    """A search with rungs at 2 and 4 of 8 epochs, whose driver can be replaced."""

    def __init__(self, root: Path) -> None:
        trainer = {"epochs": 8, "validate_every": 1}
        self.config = validate(
            {
                "study": {"name": "s", "root": str(root)},
                "trainer": trainer,
                "tuning": {"first_rung": 0.25},
                "schedule": {"clock": "rung"},
            }
        )
        self.folder = StudyFolder(root, "s")
        self.folder.path.mkdir()
        self.heard: list[int] = []
        self.progressed: list[int] = []

    def driver(self) -> tuple[Ledger, Judgement]:
        plan = search_plan(self.config)
        ledger = Ledger(plan, self.folder)
        return ledger, Judgement(plan, ledger, self.heard.append, self.progressed.append)


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


def test_reports_are_stored_told_of_and_count_once(search: Search) -> None:
    ledger, judge = search.driver()
    for _ in range(3):
        ledger.next_trial()
    assert not judge(0, Report(2, 0.5))
    assert not judge(0, Report(2, 0.1))  # run again, it reports the rung again
    assert judge(1, Report(2, 0.4))
    assert not judge(2, Report(1, 0.0))
    assert ledger.intermediate_values() == {0: {2: 0.5}, 1: {2: 0.4}, 2: {1: 0.0}}
    assert search.heard == [0, 0, 1, 2]
    assert search.progressed == [0, 1, 2]


def test_what_was_decided_holds_for_a_trial_that_is_run_again_and_for_the_next_driver(search: Search) -> None:
    ledger, judge = search.driver()
    for _ in range(2):
        ledger.next_trial()
    judge(0, Report(2, 0.5))
    assert judge(1, Report(2, 0.4))
    assert judge(1, Report(2, 0.4))
    ledger, later = search.driver()
    for _ in range(2):
        ledger.next_trial()
    assert later(1, Report(2, 0.4))


def test_the_next_driver_decides_like_one_that_was_not_interrupted(search: Search, tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((12, 2))

    def run(one: Search, interrupted_at: int | None) -> list[Any]:
        ledger, judge = one.driver()
        decided = []
        for number, (first, second) in enumerate(values):
            if number == interrupted_at:
                ledger, judge = one.driver()
                for _ in range(number):
                    ledger.next_trial()
            ledger.next_trial()
            decided.append((judge(number, Report(2, first)), judge(number, Report(4, second))))
        return decided

    (tmp_path / "other").mkdir()
    assert run(Search(tmp_path / "other"), 6) == run(search, None)


def test_a_value_that_is_no_number_decides_nothing(search: Search) -> None:
    ledger, judge = search.driver()
    for _ in range(3):
        ledger.next_trial()
    assert not judge(0, Report(2, float("nan")))
    assert not judge(1, Report(2, 0.5))
    assert judge(2, Report(2, 0.4))
    assert ledger.intermediate_values()[0] == {}
