"""When a trial is not tried again, and when the study stops."""

from __future__ import annotations

import errno

import pytest

from study.errors import TrainingError
from study.tuning.faults import Action, Death, Fault, judge
from study.tuning.retries import Faults, pause_s

DISK = judge(OSError(errno.ENOSPC, "No space left on device"))
MEMORY, NODE = judge(MemoryError()), judge(Death.NODE)
NAN = judge(TrainingError("the loss is nan"))
IMPORT = judge(ImportError("no module"))


def actions(faults: Faults, *happened: tuple[int, Fault]) -> list[str]:
    return [faults.decide(trial, fault).action.name for trial, fault in happened]


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (8, 300), (10_000, 300)]
)
def test_the_pause_doubles_up_to_five_minutes(tries: int, seconds: float) -> None:
    assert pause_s(tries) == seconds


def test_a_trial_that_may_be_to_blame_is_restarted_as_often_as_the_settings_say() -> None:
    faults = Faults(max_failures=2)
    assert actions(faults, *[(0, MEMORY)] * 3) == ["RETRY", "RETRY", "FAIL"]
    assert actions(Faults(max_failures=0), (0, MEMORY)) == ["FAIL"]


def test_progress_of_the_trial_gives_it_its_restarts_back() -> None:
    faults = Faults(max_failures=1)
    assert actions(faults, (0, MEMORY)) == ["RETRY"]
    faults.progressed(1)
    assert actions(faults, (1, MEMORY)) == ["RETRY"]
    faults.progressed(0)
    assert actions(faults, (0, MEMORY), (1, MEMORY)) == ["RETRY", "FAIL"]


def test_a_full_disk_fails_no_trial_and_stops_the_study_in_the_end() -> None:
    faults = Faults(max_failures=2, in_a_row=4)
    assert actions(faults, *[(trial, DISK) for _ in range(3) for trial in (0, 1, 2)]) == ["RETRY"] * 9
    decision = faults.decide(1, DISK)
    assert decision.action is Action.STOP
    assert decision.reason == (
        "4 times in a row, without any progress: the disk is full: free space, or raise the quota; "
        "then resume with resume=true"
    )


def test_any_trial_s_progress_begins_the_row_anew() -> None:
    faults = Faults(max_failures=2, in_a_row=3)
    assert actions(faults, (0, DISK), (0, DISK)) == ["RETRY", "RETRY"]
    faults.progressed(1)
    assert actions(faults, (1, DISK), (1, DISK)) == ["RETRY", "RETRY"]


def test_the_same_cause_counts_and_another_one_has_a_row_of_its_own() -> None:
    faults = Faults(max_failures=2, in_a_row=3)
    assert actions(faults, (0, DISK), (0, NODE), (1, DISK), (1, NODE)) == ["RETRY"] * 4
    assert actions(faults, (2, DISK), (2, DISK), (2, DISK)) == ["RETRY", "RETRY", "STOP"]


def test_a_trial_that_alone_gets_nowhere_fails_while_others_go_on() -> None:
    faults, seen = Faults(max_failures=2, in_a_row=3), []
    for _ in range(3):
        seen += actions(faults, (0, DISK))
        faults.progressed(1)
    assert seen == ["RETRY", "RETRY", "FAIL"]


def test_trials_that_fail_in_a_row_for_one_cause_stop_the_study() -> None:
    faults = Faults(max_failures=2, in_a_row=3)
    assert actions(faults, (0, NAN), (1, NAN)) == ["FAIL", "FAIL"]
    faults.progressed(2)
    assert actions(faults, (3, NAN), (4, NAN), (5, NAN)) == ["FAIL", "FAIL", "STOP"]


def test_restarts_that_are_used_up_count_as_failures() -> None:
    faults = Faults(max_failures=0, in_a_row=2)
    assert actions(faults, (0, MEMORY), (1, MEMORY)) == ["FAIL", "STOP"]


def test_what_would_happen_to_every_trial_stops_the_study_at_once() -> None:
    assert actions(Faults(max_failures=2), (0, IMPORT)) == ["STOP"]


def test_pauses_grow_with_the_faults_of_a_trial_and_reasons_say_what_happens() -> None:
    faults = Faults(max_failures=2)
    decisions = [faults.decide(0, DISK), faults.decide(0, NODE), faults.decide(1, DISK)]
    assert [decision.pause_s for decision in decisions] == [5, 10, 5]
    assert decisions[0].reason == (
        "the disk is full: free space, or raise the quota; the trial continues from its checkpoint"
    )
    used_up = [faults.decide(2, MEMORY) for _ in range(3)][-1]
    assert used_up.reason.endswith("(tuning.max_failures: 2 restarts without progress are used up)")
