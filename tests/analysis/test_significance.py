from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.significance import bootstrap_mean, bootstrap_mean_of_groups, paired_difference


def rows(*lines: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(lines, columns=["subject", "removed", "dice"])


def test_interval_agrees_with_scipys_bootstrap():
    values = np.random.default_rng(0).beta(5, 2, size=40)
    ours = bootstrap_mean(values, 20_000, 0)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert ours.n == 40
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=2e-3)


def test_two_values_have_three_possible_means():
    # 0, 0.5 and 1 with probabilities 1/4, 1/2, 1/4: the middle 95 % reach from 0 to 1.
    assert bootstrap_mean([0.0, 1.0], 2000, 0) == (0.5, 0.0, 1.0, 2)


def test_nan_does_not_count_and_nothing_is_nan():
    assert bootstrap_mean([0.25, math.nan, 0.25], 100, 0) == (0.25, 0.25, 0.25, 2)
    nothing = bootstrap_mean([math.nan], 100, 0)
    assert nothing.n == 0
    assert all(math.isnan(value) for value in nothing[:3])


def test_groups_weigh_the_same_whatever_their_size():
    interval = bootstrap_mean_of_groups([[0.5] * 9, [1.0], [], [math.nan]], 100, 0)
    assert interval == (0.75, 0.75, 0.75, 10)


def test_same_seed_same_interval():
    values = [0.1, 0.5, 0.7, 0.9]
    assert bootstrap_mean(values, 200, 5) == bootstrap_mean(values, 200, 5)


def test_difference_is_paired_by_subject_and_counts_each_subject_once():
    first = rows(("A", "", 0.9), ("A", "B0", 0.7), ("B", "", 0.5), ("C", "", 0.1))
    second = rows(("B", "", 0.2), ("A", "", 0.8), ("A", "B0", 0.4), ("D", "", 0.9))
    interval = paired_difference(first, second, 4000, 0)
    assert interval.n == 2
    assert interval.mean == pytest.approx((0.2 + 0.3) / 2)  # A: 0.1 and 0.3
    assert (interval.low, interval.high) == pytest.approx((0.2, 0.3))


def test_a_subject_twice_is_refused():
    once, twice = rows(("A", "", 0.9)), rows(("A", "", 0.9), ("A", "", 0.8))
    with pytest.raises(ValueError, match="one trial"):
        paired_difference(once, twice, 10, 0)
