"""Which trial is run next; with a real database, without Ray."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from studies import complete

from search_spaces import SearchSpace
from study.config import validate
from study.errors import MemoryShortageError, StudyError, TrainingError
from study.records import FailedTrial, StudyFolder
from study.tuning.faults import Death, Fault, judge
from study.tuning.ledger import Ledger
from study.tuning.queue import TrialQueue
from study.tuning.retries import IN_A_ROW, Faults, pause_s
from study.tuning.room import Need
from study.workflow.searching import search_plan

DISK_FULL = judge(OSError(errno.ENOSPC, "No space left on device"))
NOT_FINITE = judge(TrainingError("the loss is nan"))
DIED, NODE_DIED = judge(Death.PROCESS), judge(Death.NODE)
SHORTAGE = judge(MemoryShortageError("out of memory"))
PAUSE_S = pause_s(1)


class Queue:
    """A queue with a clock and a number of places that the test sets."""

    def __init__(
        self, root: Path, trials: int = 4, space: Mapping[str, Any] | None = None, **trainer: Any
    ) -> None:
        config = validate(
            {
                "study": {"name": "s", "root": str(root), "trials": trials},
                "tuning": {"max_failures": 2},
                "trainer": trainer,
                "search_space": space or {},
            }
        )
        self.folder = StudyFolder(root, "s")
        self.folder.path.mkdir(exist_ok=True)
        self.ledger = Ledger(search_plan(config), self.folder)
        self.time, self.places, self.heard = 0.0, 2.0, list[int]()
        self.halted: list[Exception] = []
        self.queue = TrialQueue(
            self.ledger,
            self.folder,
            SearchSpace.parse(config.search_space, config).outer,
            trials,
            need_of=Need(1, 1, 0.0).with_values,
            may_start=lambda need, running: (
                need.workers + sum(n.workers for n in running.values()) <= self.places
            ),
            trainer=config.trainer,
            faults=Faults(config.tuning.max_failures),
            changed=self.heard.append,
            halt=self.halted.append,
            now=lambda: self.time,
        )

    def complete(self, number: int) -> None:
        self.folder.trial(number).result.write(complete(number, 0.5))
        self.queue.ended(number, DIED, 1.0)

    def states(self) -> list[str]:
        return [trial.state.name for trial in self.ledger.trials()]


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


def test_trials_start_while_there_is_room_and_each_once(queue: Queue) -> None:
    assert [queue.queue.next() for _ in range(3)] == [0, 1, None]
    queue.complete(1)
    assert [queue.queue.next(), queue.queue.next()] == [2, None]
    queue.complete(0)
    queue.complete(2)
    assert [queue.queue.next(), queue.queue.next()] == [3, None]
    assert not queue.queue.finished
    queue.complete(3)
    assert queue.queue.finished
    assert queue.states() == ["COMPLETE"] * 4
    assert queue.heard == [1, 0, 2, 3]


def test_a_dying_process_is_replaced_after_a_pause_until_its_restarts_are_used_up(queue: Queue) -> None:
    queue.places = 1
    for tries in (1, 2, 3):
        assert queue.queue.next() == 0
        queue.queue.ended(0, DIED, 1.0)
        queue.places = 0
        assert queue.queue.next() is None
        queue.places = 1
        queue.time += pause_s(tries)
    result = queue.folder.trial(0).result.read()
    assert isinstance(result, FailedTrial)
    assert "died" in result.error
    assert "tuning.max_failures: 2" in result.error
    assert queue.states() == ["FAIL"]
    assert queue.queue.next() == 1


@pytest.mark.parametrize("fault", [DISK_FULL, NODE_DIED])
def test_what_no_trial_is_to_blame_for_fails_none_and_in_the_end_stops_the_study(
    queue: Queue, fault: Fault
) -> None:
    queue.places = 1
    for tries in range(1, IN_A_ROW + 1):
        assert queue.queue.next() == 0
        assert queue.halted == []
        queue.queue.ended(0, fault, 1.0)
        queue.time += pause_s(tries)
    (reason,) = queue.halted
    assert isinstance(reason, StudyError)
    assert f"{IN_A_ROW} times in a row" in str(reason)
    assert queue.states() == ["RUNNING"]
    assert not queue.folder.trial(0).result.exists


def test_a_group_without_memory_trains_its_batches_in_more_parts(tmp_path: Path) -> None:
    queue = Queue(
        tmp_path, space={"trainer": {"workers": {"type": "fixed", "value": 2}}}, on_out_of_memory="halve"
    )
    number = queue.queue.next()
    assert number == 0
    assert queue.queue.parts(0) == 1
    queue.queue.ended(0, SHORTAGE, 1.0)
    assert queue.queue.parts(0) == 2


def test_a_trial_that_is_tried_again_comes_before_new_ones_but_not_before_its_pause(queue: Queue) -> None:
    queue.places = 1
    queue.queue.next()
    queue.queue.ended(0, DIED, 1.0)
    assert queue.queue.next() == 1  # the pause is not over
    queue.complete(1)
    queue.time += PAUSE_S
    assert queue.queue.next() == 0
    queue.complete(0)
    assert queue.queue.next() == 2


def test_what_would_come_again_fails_at_once(queue: Queue) -> None:
    queue.queue.next()
    queue.queue.ended(0, NOT_FINITE, 3.0)
    assert queue.folder.trial(0).result.read() == FailedTrial(
        trial=0, epochs=0, seconds=3.0, error="TrainingError: the loss is nan"
    )
    assert queue.heard == [0]


def test_a_result_counts_even_if_the_process_died_after_it(queue: Queue) -> None:
    queue.queue.next()
    queue.folder.trial(0).result.write(complete(0, 0.5))
    queue.queue.ended(0, DISK_FULL, 1.0)
    assert queue.states() == ["COMPLETE"]


def test_a_trial_that_needs_more_than_is_free_waits_and_is_not_overtaken(tmp_path: Path) -> None:
    workers = {"trainer": {"workers": {"type": "categorical", "choices": [1, 2], "in_turn": True}}}
    queue = Queue(tmp_path, space=workers)
    assert queue.queue.next() == 0
    assert queue.queue.next() is None  # trial 1 needs both places
    assert queue.queue.next() is None
    queue.complete(0)
    assert queue.queue.next() == 1
    assert queue.queue.need(1).workers == 2
    queue.complete(1)
    assert queue.queue.next() == 2
