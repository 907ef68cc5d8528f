from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.other_centers import other_centers

# Beyond t·√(n / (n - 1)) of the normal distribution: t of 4 degrees is 2.776445, of 7 it is 2.364624.
TAIL_OF_5, TAIL_OF_8 = stats.norm.sf([2.776445 * math.sqrt(5 / 4), 2.364624 * math.sqrt(8 / 7)])


def resampled(groups: list[np.ndarray], average: str, resamples: int) -> list[float]:
    """Two stages, drawn one by one."""
    rng = np.random.default_rng(99)
    found = []
    for _ in range(resamples):
        drawn = [
            rng.choice(groups[place], groups[place].size)
            for place in rng.integers(0, len(groups), len(groups))
        ]
        means = [part.mean() for part in drawn]
        found.append(float(np.concatenate(drawn).mean() if average == "subjects" else np.mean(means)))
    return found


@pytest.mark.parametrize("average", ["subjects", "centers"])
def test_centers_are_resampled_and_subjects_within_them(average: str) -> None:
    rng = np.random.default_rng(0)
    groups = [
        rng.normal(level, 0.1, size) for level, size in ((0.2, 3), (0.8, 20), (0.5, 5), (0.6, 1), (0.4, 9))
    ]
    names = [name for name, group in zip("ABCDE", groups, strict=True) for _ in group]
    found = other_centers(np.concatenate(groups), names, average, 20_000, 0)  # type: ignore[arg-type]
    assert found.centers == 5
    assert found.interval == pytest.approx(
        np.quantile(resampled(groups, average, 5000), [TAIL_OF_5, 1 - TAIL_OF_5]), abs=0.03
    )
    assert (found.lowest, found.highest) == pytest.approx(
        (min(map(np.mean, groups)), max(map(np.mean, groups)))
    )


def test_centers_of_one_subject_are_scipy_s_plain_bootstrap() -> None:
    values = np.random.default_rng(3).beta(5, 2, 8)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=20_000,
        method="percentile",
        confidence_level=1 - 2 * TAIL_OF_8,
        rng=np.random.default_rng(1),
    ).confidence_interval
    found = other_centers(values, list("ABCDEFGH"), "centers", 20_000, 0)
    assert found.interval == pytest.approx((theirs.low, theirs.high), abs=1e-2)


def test_few_centers_say_what_they_cannot_tell() -> None:
    one = other_centers([0.2, 0.4, math.nan], ["A", "A", "B"], "subjects", 100, 0)
    assert (one.centers, one.interval) == (1, None)
    assert one.in_words() == (
        "Unseen centers: 1. Intervals are about other patients of these centers: how much centers differ cannot be "
        "told from one, so they say nothing of the next center."
    )
    four = other_centers([0.2, 0.4, 0.6, 0.8], list("ABCD"), "subjects", 100, 0)
    assert four.interval is None
    assert "with means of 0.200 to 0.800" in four.in_words()
    assert "from fewer than 5" in four.in_words()


def test_the_same_seed_gives_the_same_interval_and_no_spread_gives_none() -> None:
    values, names = [0.1, 0.5, 0.7, 0.9, 0.3], list("ABCDE")
    assert other_centers(values, names, "centers", 200, 5) == other_centers(values, names, "centers", 200, 5)
    assert other_centers([0.5] * 5, names, "centers", 200, 5).interval is None
