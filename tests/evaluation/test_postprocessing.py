from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.config import Postprocessing
from study.evaluation.postprocessing import min_voxels, postprocess


def drawing(*rows: str) -> np.ndarray:
    """One slice [1, H, W] of probabilities in tenths; `.` is 0."""
    return np.array(
        [[[0 if sign == "." else int(sign) / 10 for sign in row] for row in rows]], dtype=np.float32
    )


DRAWN = drawing(
    "88...",
    "8..5.",
    "....4",
    "9....",
)


@pytest.mark.parametrize(
    ("threshold", "min_volume_ml", "kept"),
    [
        (0.5, 0.0, ["##...", "#..#.", ".....", "#...."]),  # the threshold itself passes
        (0.4, 0.0, ["##...", "#..#.", "....#", "#...."]),
        (0.4, 2.0, ["##...", "#..#.", "....#", "....."]),  # touching by a corner is one component
        (0.4, 2.5, ["##...", "#....", ".....", "....."]),
        (0.4, 3.0, ["##...", "#....", ".....", "....."]),  # the minimum itself stays
        (0.4, 3.1, [".....", ".....", ".....", "....."]),
        (0.95, 1.0, [".....", ".....", ".....", "....."]),
    ],
)
def test_on_a_drawing_with_voxels_of_1_ml(threshold, min_volume_ml, kept):
    mask = postprocess(DRAWN, Postprocessing(threshold=threshold, min_volume_ml=min_volume_ml), 1.0)
    assert ["".join("#" if voxel else "." for voxel in row) for row in mask[0]] == kept


def test_voxels_touching_by_a_corner_across_slices_are_one_component():
    probability = np.zeros((2, 2, 2), np.float32)
    probability[0, 0, 0] = probability[1, 1, 1] = 1
    assert postprocess(probability, Postprocessing(min_volume_ml=0.2), 0.1).sum() == 2


def test_the_probability_is_left_as_it_was():
    before = DRAWN.copy()
    postprocess(DRAWN, Postprocessing(min_volume_ml=2), 1.0)
    np.testing.assert_array_equal(DRAWN, before)


@pytest.mark.parametrize(
    ("min_volume_ml", "voxel_volume_ml", "voxels"),
    [(0.0, 0.02, 0), (0.3, 0.1, 3), (0.31, 0.1, 4), (1.0, 0.008, 125), (0.05, 0.02, 3)],
)
def test_min_voxels_forgives_rounding(min_volume_ml, voxel_volume_ml, voxels):
    assert min_voxels(min_volume_ml, voxel_volume_ml) == voxels


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.3, 0.6, 0.9]), smallest=st.integers(0, 12))
def test_equals_scipys_components(seed, threshold, smallest):
    probability = np.random.default_rng(seed).random((4, 6, 7), dtype=np.float32)
    labels, count = ndimage.label(probability >= threshold, np.ones((3, 3, 3)))
    expected = np.zeros(probability.shape, bool)
    for label in range(1, count + 1):
        if (labels == label).sum() >= smallest:
            expected |= labels == label
    mask = postprocess(probability, Postprocessing(threshold=threshold, min_volume_ml=smallest * 0.25), 0.25)
    np.testing.assert_array_equal(mask, expected)
