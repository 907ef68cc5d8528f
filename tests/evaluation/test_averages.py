from __future__ import annotations

import math

import numpy as np
import pytest

from study.config import Objective
from study.evaluation.averages import averaged, mean_over_centers, mean_over_subjects
from study.evaluation.objective import objective_score

DICE = np.array([0.2, 0.4, 0.9, math.nan, 0.6])
CENTERS = np.array([0, 0, 1, 1, 2])


def test_subjects_or_centers_count_the_same() -> None:
    assert mean_over_subjects(DICE) == pytest.approx(2.1 / 4)
    assert mean_over_centers(DICE, CENTERS) == pytest.approx((0.3 + 0.9 + 0.6) / 3)
    assert averaged(DICE, CENTERS, "subjects") == mean_over_subjects(DICE)
    assert averaged(DICE, CENTERS, "centers") == mean_over_centers(DICE, CENTERS)


def test_many_at_once() -> None:
    both = np.stack([DICE, DICE + 0.1])
    assert mean_over_centers(both, CENTERS) == pytest.approx([0.6, 0.7])
    assert mean_over_subjects(both, np.array([2, 0, 1, 1, 0])) == pytest.approx([1.3 / 3, 1.6 / 3])


def test_a_center_without_a_value_does_not_count_and_nothing_is_nan() -> None:
    assert mean_over_centers(np.array([0.5, math.nan]), np.array([0, 1])) == 0.5
    assert math.isnan(mean_over_subjects(np.array([math.nan])))
    assert math.isnan(mean_over_centers(np.zeros(0), np.zeros(0, np.intp)))


def test_the_objective_is_a_mean_over_subjects_as_tables_are() -> None:
    records = [("A", "A-1", False, 0.2), ("A", "A-2", False, 0.4), ("B", "B-1", False, 0.9)]
    assert objective_score(records, Objective(full=1, missing=0)).full == pytest.approx(0.5)
