from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.correlation import correlation

RNG = np.random.default_rng(0)
VOLUMES = RNG.lognormal(1, 1, 12)
PREDICTED = VOLUMES * RNG.lognormal(0, 0.4, 12)


@pytest.mark.parametrize("n", [5, 8, 12])
def test_it_is_scipy_s_with_fisher_s_interval(n: int) -> None:
    found = correlation(VOLUMES[:n], PREDICTED[:n])
    theirs = stats.pearsonr(VOLUMES[:n], PREDICTED[:n])
    assert (found.mean, found.n) == (pytest.approx(theirs.statistic), n)
    assert found.interval == pytest.approx(tuple(theirs.confidence_interval(0.95)))


@pytest.mark.parametrize("n", [3, 4])
def test_fewer_than_five_have_no_interval(n: int) -> None:
    found = correlation(VOLUMES[:n], PREDICTED[:n])
    assert found.mean == pytest.approx(np.corrcoef(VOLUMES[:n], PREDICTED[:n])[0, 1])
    assert found.interval is None


def test_any_two_points_lie_on_a_line() -> None:
    assert math.isnan(correlation(VOLUMES[:2], PREDICTED[:2]).mean)


def test_what_does_not_vary_is_not_correlated() -> None:
    assert math.isnan(correlation(VOLUMES, np.zeros(12)).mean)
    assert math.isnan(correlation(np.zeros(0), np.zeros(0)).mean)


def test_a_perfect_correlation_has_no_interval() -> None:
    found = correlation(VOLUMES, 2 * VOLUMES)
    assert (found.mean, found.interval) == (pytest.approx(1), None)
