"""The expected calibration error, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from study.evaluation.metrics.calibration import calibration_error


def of(probability: list[float], reference: list[int], voxels: float | None = None) -> float:
    arrays = np.array(probability, np.float32).reshape(1, 1, -1), np.array(reference).reshape(1, 1, -1)
    return calibration_error(*arrays, len(reference) if voxels is None else voxels)


def test_a_network_that_is_right_as_often_as_it_says_has_no_error() -> None:
    assert of([0.75] * 4, [1, 1, 0, 1]) == pytest.approx(0)


def test_each_bin_s_gap_is_weighted_by_its_voxels() -> None:
    # Bins of 1/15: two voxels around 0.25 with 0.25 on average, none of them the target; two around 0.9, one of them.
    assert of([0.24, 0.26, 0.88, 0.92], [0, 0, 1, 0]) == pytest.approx((2 * 0.25 + 2 * 0.4) / 4)


def test_gaps_of_different_bins_do_not_cancel() -> None:
    assert of([0.2, 0.8], [1, 0]) == pytest.approx(0.8)


def test_certainty_that_is_wrong_counts_fully() -> None:
    assert of([1.0, 0.0], [0, 1]) == pytest.approx(1)
    assert of([1.0, 0.0], [1, 0]) == 0


def test_what_has_no_probability_is_sure_background() -> None:
    assert of([math.nan, 0.0, 1.0], [1, 0, 1]) == pytest.approx(1 / 3)


def test_air_around_the_brain_does_not_make_a_network_look_better() -> None:
    alone, in_air = of([0.5, 0.5], [0, 0]), of([0.5, 0.5, 0, 0, 0, 0], [0] * 6, voxels=2)
    assert alone == in_air == pytest.approx(0.5)


def test_without_a_brain_there_is_no_error() -> None:
    assert math.isnan(of([0.5], [1], voxels=0))


def test_other_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="probability must be on the reference's grid"):
        calibration_error(np.zeros((1, 2, 2), np.float32), np.zeros((2, 2, 1), bool), 4)
