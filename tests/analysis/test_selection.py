"""How much of the best one's lead is the choice."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.selection import best_of_p


def test_a_single_system_has_the_p_of_a_sign_test_on_the_mean() -> None:
    # All five subjects gain the same: of 32 patterns only the one without a minus is as large.
    assert best_of_p(np.full((1, 5), 0.1), 0, 0) == pytest.approx(1 / 32)
    # 0.3 against one -0.1: patterns at least as large as (+ + + + -): itself, and all plus.
    assert best_of_p(np.array([[0.3, 0.3, 0.3, 0.3, -0.1]]), 0, 0) == pytest.approx(2 / 32)


def test_systems_that_are_the_same_count_once() -> None:
    one = np.array([[0.3, 0.1, 0.2, 0.4, -0.1, 0.2]])
    assert best_of_p(np.repeat(one, 40, axis=0), 7, 0) == best_of_p(one, 0, 0)


def test_the_best_of_many_equal_systems_is_rarely_told_apart() -> None:
    """The chance of a false alarm stays at 5 %, where an unadjusted test has far more."""
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(3)
    found, plain = [], []
    for _ in range(400):
        values = rng.normal(0, 0.1, (21, 10))
        differences = values[1:] - values[0]
        ps = ttest_1samp(differences, 0, axis=1, alternative="greater").pvalue
        chosen = int(ps.argmin())
        found.append(best_of_p(differences, chosen, 0))
        plain.append(ps[chosen])
    assert np.mean(np.array(found) < 0.05) < 0.08
    assert np.mean(np.array(plain) < 0.05) > 0.3


def test_a_real_lead_is_found_with_many_subjects() -> None:
    values = np.random.default_rng(0).normal(0, 0.1, (9, 40))
    values[3] += 0.1
    found = best_of_p(values, 3, 0)
    assert found is not None
    assert found < 0.01


def test_a_system_without_any_difference_leads_nowhere_and_few_subjects_say_nothing() -> None:
    assert best_of_p(np.zeros((2, 6)), 0, 0) == 1.0
    assert best_of_p(np.ones((2, 4)), 0, 0) is None
