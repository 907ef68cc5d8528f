from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.differences import difference

CENTERS = ["A"] * 3 + ["B"] * 3


def test_pairs_are_subjects_with_a_value_of_both() -> None:
    found = difference(
        np.array([[0.5, 0.6, 0.7, math.nan, 0.9, 0.8]]),
        np.array([[0.4, 0.4, 0.9, 0.5, math.nan, 0.8]]),
        CENTERS,
    )
    assert (found.estimate.n, found.first.n, found.second.n) == (4, 4, 4)
    assert found.estimate.mean == pytest.approx((0.1 + 0.2 - 0.2 + 0.0) / 4)
    assert found.first.mean == pytest.approx((0.5 + 0.6 + 0.7 + 0.8) / 4)
    assert (found.estimate.interval, found.p) == (None, None)  # fewer than five
    assert (found.spread, found.seeds) == ((None, None), False)


def test_one_run_of_each_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.beta(5, 2, 12), rng.beta(5, 3, 12)
    theirs = stats.ttest_rel(first, second).confidence_interval()
    found = difference(first[None], second[None], ["A"] * 12)
    assert found.estimate.interval == pytest.approx((theirs.low, theirs.high))
    assert found.p == pytest.approx(stats.wilcoxon(first, second, method="exact").pvalue)


def test_runs_add_the_noise_of_seeds() -> None:
    # Every subject gains 0.1 on average, so that there is no variance over subjects: what is left is that of seeds.
    # Means over subjects are 0.2 and 0.3, then 0.4 and 0.3: variance 0.005 both, and 0.0025 of their mean.
    second = np.tile([[0.2], [0.3]], 6)
    first = np.tile([[0.4], [0.3]], 6)
    found = difference(first, second, CENTERS)
    assert found.seeds
    assert found.runs == (pytest.approx((0.4, 0.3)), pytest.approx((0.2, 0.3)))
    assert found.spread == (pytest.approx(math.sqrt(0.005)), pytest.approx(math.sqrt(0.005)))
    assert found.estimate.mean == pytest.approx(0.1)
    half = 4.302653 * math.sqrt(0.005)  # t of 2 degrees of freedom: (2·0.0025)² / (2·0.0025²)
    assert found.estimate.interval == pytest.approx((0.1 - half, 0.1 + half), abs=1e-6)


def test_with_one_run_of_one_side_the_noise_of_seeds_is_not_known() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.beta(5, 2, (1, 8)), rng.beta(5, 2, (2, 8))
    found = difference(one, two, ["A"] * 8)
    theirs = stats.ttest_rel(one[0], two.mean(0)).confidence_interval()
    assert found.estimate.interval == pytest.approx((theirs.low, theirs.high))
    assert (found.seeds, found.spread[0]) == (False, None)
    assert found.spread[1] == pytest.approx(two.mean(1).std(ddof=1))


def test_a_subject_that_one_run_lacks_counts_with_its_other_runs() -> None:
    first = np.array([[0.5] * 5, [math.nan, 0.5, 0.5, 0.5, 0.5]])
    found = difference(first, np.full((1, 5), 0.4), ["A"] * 5)
    assert (found.estimate.n, found.estimate.mean) == (5, pytest.approx(0.1))
    assert found.estimate.interval is None  # all gain the same
    assert found.p == pytest.approx(2 / 32)


def test_the_mean_over_centers_weighs_centers() -> None:
    gains = np.array([[0.3, 0.3, 0.0, 0.0, 0.0, 0.0]])
    centers = ["A", "A", "B", "B", "B", "B"]
    assert difference(gains, 0 * gains, centers, "subjects").estimate.mean == pytest.approx(0.1)
    assert difference(gains, 0 * gains, centers, "centers").estimate.mean == pytest.approx(0.15)


def test_no_subject_in_common_is_no_difference() -> None:
    found = difference(np.array([[0.5, math.nan]]), np.array([[math.nan, 0.5]]), ["A", "A"])
    assert (found.estimate.n, found.p) == (0, None)
    assert math.isnan(found.estimate.mean)
