"""Speeds and times left, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from studies import SCORES, epoch

from study.records.pace import Ended, Pace, epoch_seconds, time_left_s
from study.training.epoch import Epoch


def timeline(gaps_s: Sequence[float], validated: Sequence[int] = ()) -> list[Epoch]:
    """Epochs with these gaps between their ends; some are validated, which takes part of the next gap."""
    times = [sum(gaps_s[:number]) for number in range(len(gaps_s) + 1)]
    return [
        epoch(number, time_ms=int(1000 * at), validation=SCORES if number in validated else None)
        for number, at in enumerate(times, 1)
    ]


def test_nothing_is_known_before_the_first_epoch_and_its_iterations_after_it() -> None:
    assert epoch_seconds([]) is None
    assert epoch_seconds([epoch(1, seconds=1.5)]) == 1.5


def test_validations_have_their_share() -> None:
    # Gaps of 2 s, and of 8 s after a validation, which is every third one: (2 + 2 + 8) / 3.
    assert epoch_seconds(timeline([2, 2, 8, 2, 2, 8], validated=[3, 6])) == pytest.approx(4)


def test_an_interruption_of_a_night_does_not_count() -> None:
    assert epoch_seconds(timeline([2, 2, 30_000, 2, 2])) == 2


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    assert epoch_seconds(timeline([-50])) == 0


def test_trials_are_expected_to_be_as_long_as_those_that_came_as_far() -> None:
    ended = Ended()
    assert ended.expected(0, 30) == 30
    assert ended.judged == 1
    for epochs, complete in ((10, False), (10, False), (10, False), (30, True)):
        ended.add(epochs, complete=complete)
    assert ended.expected(0, 30) == 15
    assert ended.expected(11, 30) == 30
    assert ended.expected(31, 40) == 40  # none came as far
    assert ended.judged == 0.25


def test_the_pace_is_a_mean_of_epochs_and_a_median_of_judgings() -> None:
    assert Pace.of([], [3]) is None
    assert Pace.of([1, 3], []) == Pace(epoch_s=2, judging_s=0)
    assert Pace.of([1, 3], [5, 6, 100]) == Pace(epoch_s=2, judging_s=6)


@pytest.mark.parametrize(
    ("running", "pending", "seconds"),
    [
        ([10], 0, 10),
        ([10, 20], 4, (30 + 4 * 60) / 2),
        ([10, 500], 1, 500),  # the longest one is waited for
    ],
)
def test_the_time_left_is_the_work_over_the_trials_at_a_time(
    running: list[float], pending: int, seconds: float
) -> None:
    assert math.isclose(time_left_s(running, pending, trial_s=60), seconds)
