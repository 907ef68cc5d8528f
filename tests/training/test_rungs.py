"""Rungs, worked out by hand."""

from __future__ import annotations

import pytest

from study.training.rungs import rung_epochs


@pytest.mark.parametrize(
    ("settings", "rungs"),
    [
        ((1000, 0.34, 2.0, 50), [350, 700]),  # 340 and 680, rounded up to validations
        ((12, 0.34, 2.0, 2), [6, 10]),  # 4.08 → 5 → 6; 8.16 → 9 → 10
        ((12, 0.25, 2.0, 1), [3, 6]),
        ((81, 1 / 81, 3.0, 1), [1, 3, 9, 27]),
        ((100, 0.07, 2.0, 1), [7, 14, 28, 56]),  # 0.07 * 100 = 7.000000000000001
        ((20, 0.34, 2.0, 20), [7, 14]),  # no validation before the end: at their own epochs
        ((20, 0.34, 2.0, 10), [10, 14]),
        ((3, 0.1, 1.5, 1), [1, 2]),  # rungs that fall together count once
        ((10, 1.0, 2.0, 1), []),
        ((1, 0.5, 2.0, 1), []),
    ],
)
def test_rungs_lie_on_validations_and_before_the_end(
    settings: tuple[int, float, float, int], rungs: list[int]
) -> None:
    assert rung_epochs(*settings) == rungs
