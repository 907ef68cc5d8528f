from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.estimates import Estimate, estimate, rate

FIVE = [0.2, 0.4, 0.6, 0.8, 1.0]  # variance 0.1, standard error of the mean √(0.1 / 5) = 0.141421
T_OF_4 = 2.776445  # of a printed table, 97.5 %, 4 degrees of freedom


def test_a_mean_over_subjects_has_student_s_interval() -> None:
    found = estimate(FIVE)
    assert (found.mean, found.n) == (pytest.approx(0.6), 5)
    assert found.interval == pytest.approx((0.6 - T_OF_4 * 0.1414214, 0.6 + T_OF_4 * 0.1414214), abs=1e-6)


def test_an_interval_ends_where_a_mean_cannot_be() -> None:
    found = estimate([0.5, 0.9, 1.0, 1.0, 1.0], bounds=(0.0, 1.0))  # variance 0.047
    assert found.interval == pytest.approx((0.88 - T_OF_4 * math.sqrt(0.047 / 5), 1.0), abs=1e-6)


def test_it_agrees_with_scipy_and_nan_does_not_count() -> None:
    values = np.random.default_rng(0).beta(5, 2, size=40)
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    found = estimate([*values, math.nan])
    assert found.n == 40
    assert found.interval == pytest.approx((theirs.low, theirs.high))


@pytest.mark.parametrize("values", [FIVE[:4], [0.005] * 20, [0.1 + 0.2] * 3 + [0.3] * 3, [1 / 3] * 7])
def test_there_is_no_interval_below_five_subjects_or_where_all_are_alike(values: list[float]) -> None:
    found = estimate(values)
    assert found.mean == pytest.approx(sum(values) / len(values))
    assert found.interval is None


def test_nothing_is_nan() -> None:
    for found in (estimate([]), estimate([math.nan]), rate([])):
        assert math.isnan(found.mean)
        assert (found.n, found.interval) == (0, None)


def test_the_two_averages_of_the_same_subjects_differ() -> None:
    values, centers = [0.2, 0.4, 0.9, 0.9, 0.9, 0.6], ["A", "A", "B", "B", "B", "B"]
    assert estimate(values, centers, "subjects").mean == pytest.approx(3.9 / 6)
    assert estimate(values, centers, "centers").mean == pytest.approx((0.3 + 0.825) / 2)


def test_a_mean_over_two_centers_has_welch_s_interval() -> None:
    first, second = np.random.default_rng(1).beta(5, 2, size=4), np.random.default_rng(2).beta(3, 2, size=9)
    # The sum of two means is the difference of one and the other's opposite.
    theirs = stats.ttest_ind(first, -second, equal_var=False).confidence_interval()
    found = estimate([*first, *second], ["A"] * 4 + ["B"] * 9, "centers")
    assert found.mean == pytest.approx((first.mean() + second.mean()) / 2)
    assert found.interval == pytest.approx((theirs.low / 2, theirs.high / 2))


def test_a_center_with_one_subject_leaves_a_mean_over_centers_without_interval() -> None:
    values, centers = [*FIVE, 0.5], ["A"] * 5 + ["B"]
    assert estimate(values, centers, "centers") == Estimate(pytest.approx(0.55), 6)
    assert estimate(values, centers, "subjects").interval is not None


def test_a_rate_has_wilson_s_interval_even_where_all_are_alike() -> None:
    # n / (n + z²) with z = 1.959964: the lower end for n of n.
    assert rate([1.0] * 5).interval == pytest.approx((5 / 8.841459, 1.0), abs=1e-6)
    assert rate([0.0] * 5).interval == pytest.approx((0.0, 3.841459 / 8.841459), abs=1e-6)
    theirs = stats.binomtest(8, 10).proportion_ci(method="wilson")
    assert rate([1] * 8 + [0, 0, math.nan]).interval == pytest.approx((theirs.low, theirs.high))
    assert rate([1, 1, 0, 1]) == Estimate(0.75, 4)
