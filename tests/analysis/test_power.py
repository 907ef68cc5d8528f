"""How small a difference can be shown."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.power import detectable_difference


@pytest.mark.parametrize("subjects", [3, 8, 30])
def test_the_detectable_difference_is_found_80_times_in_100(subjects: int) -> None:
    from scipy.stats import ttest_1samp

    shift = detectable_difference(subjects, 0.2)
    assert shift is not None
    drawn = np.random.default_rng(1).normal(shift, 0.2, (40_000, subjects))
    assert (ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.008)


def test_it_grows_with_the_spread_and_a_single_subject_shows_nothing() -> None:
    one, two = detectable_difference(10, 0.1), detectable_difference(10, 0.2)
    assert one is not None
    assert two == pytest.approx(2 * one)
    assert detectable_difference(1, 0.1) is None
