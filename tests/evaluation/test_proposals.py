from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest

from search_spaces.space import SearchSpace
from study.config import validate
from study.evaluation.proposals import best_proposal, highest

RANGE = {"type": "float", "low": 0.1, "high": 0.9}
SPACE, SPACE_OF_FOUR = (
    SearchSpace.parse({"postprocessing": content}, validate({"study": {"name": "s"}}))
    for content in (
        {"threshold": RANGE},
        {
            "threshold": RANGE,
            "grow": {"threshold": RANGE},
            "keep_biggest": {"ratio": RANGE},
            "remove_small": {"ml": RANGE},
        },
    )
)


def propose(judge: Any, start: tuple[Any, float], *, trials: int, seed: int = 0, sampler: Any = "tpe") -> Any:
    return best_proposal(
        SPACE, lambda values: values["postprocessing.threshold"], judge, start,
        trials=trials, sampler=sampler, seed=seed,
    )[0]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "start", "found"),
    [
        ([0.1, 0.3, 0.2], 0.2, ("b", 0.3)),
        ([0.1, 0.3, 0.3], 0.3, ("start", 0.3)),
        ([0.3, 0.3, 0.1], 0.2, ("a", 0.3)),
        ([np.nan, 0.1, np.nan], np.nan, ("b", 0.1)),
        ([np.nan, 0.1, np.nan], 0.2, ("start", 0.2)),
    ],
)
def test_the_highest_is_the_first_of_the_best_and_above_the_start(values, start, found):
    assert highest(["a", "b", "c"], np.array(values), ("start", start)) == found


def test_nothing_with_a_value_leaves_the_start():
    assert highest(["a"], np.array([np.nan]), ("start", 0.5)) == ("start", 0.5)
    assert highest([], np.array([]), ("start", 0.5)) == ("start", 0.5)


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_later_proposals_learn_from_earlier_ones(sampler):
    def judge(some: list[list[float]]) -> np.ndarray:
        apart = np.abs(np.array(some) - 0.7).sum(1)
        asked.extend(apart.tolist())
        return -apart

    asked: list[float] = []
    best, value = best_proposal(
        SPACE_OF_FOUR, lambda values: list(values.values()), judge, ([0.0] * 4, -9.0),
        trials=300, sampler=sampler, seed=0,
    )  # fmt: skip
    assert len(asked) == 300
    assert np.abs(np.array(best) - 0.7).sum() == pytest.approx(-value) == pytest.approx(min(asked))
    assert np.median(asked[-50:]) < 0.6 * np.median(asked[:50])


def test_proposals_are_judged_in_tens_and_as_many_as_asked_for():
    batches: list[int] = []

    def judge(thresholds: list[float]) -> np.ndarray:
        batches.append(len(thresholds))
        return np.zeros(len(thresholds))

    assert propose(judge, ("start", 0.0), trials=23) == "start"
    assert batches == [10, 10, 3]


def test_proposals_without_a_value_are_passed_over():
    def judge(thresholds: list[float]) -> np.ndarray:
        return np.array([threshold if threshold > 0.5 else np.nan for threshold in thresholds])

    assert propose(judge, ("start", np.nan), trials=30) > 0.5
    assert propose(lambda some: np.full(len(some), np.nan), ("start", np.nan), trials=15) == "start"


def test_an_error_of_the_judge_passes_and_optuna_keeps_its_verbosity():
    def judge(thresholds: list[float]) -> np.ndarray:
        raise RuntimeError("broken")

    before = optuna.logging.get_verbosity()
    with pytest.raises(RuntimeError, match="broken"):
        propose(judge, ("start", 0.0), trials=5)
    assert optuna.logging.get_verbosity() == before
