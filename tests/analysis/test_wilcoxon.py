from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.wilcoxon import holm, signed_rank_p


def enumerated(differences: list[float]) -> float:
    """p from all patterns of signs, one by one."""
    values = np.array(differences)
    ranks = stats.rankdata(np.abs(values))[values != 0]
    signs = np.sign(values[values != 0])
    sums = [float(np.dot(pattern, ranks)) for pattern in itertools.product((-1, 1), repeat=ranks.size)]
    return float(np.mean(np.abs(sums) >= abs(float(np.dot(signs, ranks))) - 1e-9))


def test_five_pairs_that_agree_have_two_of_32_patterns() -> None:
    assert signed_rank_p([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)
    assert signed_rank_p([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]) == pytest.approx(2 / 64)


@pytest.mark.parametrize(
    "differences",
    [
        [1, 1, 1, -1, 2, 2, -3],  # ties
        [0, 0, 1, -2, 3, 4],  # zeros
        [0, 0, 0, 0, 1],
        [0.5, -0.5, 0.5, -0.5, 0.25, 0, 0, 1.5, 1.5, 2],
    ],
)
def test_ties_and_zeros_are_exact(differences: list[float]) -> None:
    assert signed_rank_p(differences) == pytest.approx(enumerated(differences))


def test_differences_that_only_rounding_tells_apart_are_ties() -> None:
    assert signed_rank_p([0.3 - 0.2, 0.1, 0.2 - 0.3, 0.4, 0.9]) == signed_rank_p([1, 1, -1, 4, 9])


def test_it_agrees_with_scipy_few_and_many() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.2, 1, 40), np.round(rng.normal(0.05, 1, 400), 1)
    assert signed_rank_p(few) == pytest.approx(stats.wilcoxon(few, method="exact").pvalue)
    theirs = stats.wilcoxon(many, zero_method="pratt", correction=False, method="asymptotic").pvalue
    assert signed_rank_p(many) == pytest.approx(theirs)


def test_the_normal_approximation_takes_over_smoothly(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(0.1, 1, 100)
    exact = signed_rank_p(values)
    monkeypatch.setattr("analysis.wilcoxon.MOST_EXACT", 0)
    assert signed_rank_p(values) == pytest.approx(exact, rel=0.02)
    assert signed_rank_p(values) != exact


def test_too_few_pairs_are_no_test_and_no_difference_is_certain() -> None:
    assert signed_rank_p([0.1, 0.2, 0.3, 0.4]) is None
    assert signed_rank_p([0.0] * 6) == 1.0


def test_holm_by_hand() -> None:
    # Sorted: 0.01·3, 0.03·2, 0.04·1, of which none may be below the one before.
    assert holm([0.01, 0.04, None, 0.03]) == [
        pytest.approx(0.03),
        pytest.approx(0.06),
        None,
        pytest.approx(0.06),
    ]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_agrees_with_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    ps = np.random.default_rng(2).uniform(size=30) ** 3
    assert holm(list(ps)) == pytest.approx(list(multitest.multipletests(ps, method="holm")[1]))
