from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.evaluation.metrics import dice, hd95, lesion_f1, score


def drawing(*rows: str) -> np.ndarray:
    """One slice [1, H, W]; `#` is 1."""
    return np.array([[[sign == "#" for sign in row] for row in rows]])


EMPTY = np.zeros((2, 3, 4), bool)
FULL = np.ones((2, 3, 4), bool)


def blobs(seed: int, share: float, shape: tuple[int, int, int] = (10, 14, 12)) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.2)
    return noise > np.quantile(noise, 1 - share)


def test_two_of_three_voxels_shared():
    reference, prediction = drawing("###.."), drawing(".###.")
    assert dice(reference, prediction, "one") == pytest.approx(2 / 3)
    scores = score(reference, prediction, (5.0, 2.0, 1.0), "one")
    assert scores.dice == pytest.approx(2 / 3)
    assert scores.detected == 1
    assert scores.lesion_f1 == 1
    assert scores.count_difference == 0
    assert scores.volume_difference_ml == 0
    assert scores.reference_volume_ml == scores.predicted_volume_ml == pytest.approx(0.03)
    assert scores.hd95_mm == pytest.approx(0.9)  # 0, 0 and 1 mm: 95th percentile 0.9


def test_lesions_that_are_found_missed_and_false():
    reference = drawing("##....#", ".......", "#.....#")
    prediction = drawing("##.....", "....#..", "...#..#")
    scores = score(reference, prediction, (1.0, 10.0, 100.0), "one")
    # Of 4 lesions of the reference 2 are found; of 3 predicted one (two voxels, by a corner) is false.
    assert scores.lesion_f1 == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert scores.count_difference == 1
    assert scores.volume_difference_ml == 0
    assert scores.reference_volume_ml == pytest.approx(5)
    assert scores.dice == pytest.approx(2 * 3 / 10)


def test_one_prediction_over_two_lesions_finds_both():
    scores = score(drawing("#.#"), drawing("###"), (1, 1, 1), "one")
    assert scores.lesion_f1 == 1
    assert scores.count_difference == 1


def test_a_missed_lesion_is_not_detected():
    assert score(drawing("#..."), drawing("...#"), (1, 1, 1), "one").detected == 0


@pytest.mark.parametrize(("setting", "expected"), [("nan", math.nan), ("one", 1.0)])
def test_both_empty(setting, expected):
    scores = score(EMPTY, EMPTY, (1, 1, 1), setting)
    np.testing.assert_equal(scores.dice, expected)
    np.testing.assert_equal(dice(EMPTY, EMPTY, setting), expected)
    assert math.isnan(scores.detected)
    assert math.isnan(scores.hd95_mm)
    assert scores.lesion_f1 == 1
    assert scores.count_difference == scores.volume_difference_ml == 0


@pytest.mark.parametrize("setting", ["nan", "one"])
def test_one_empty(setting):
    missed, false = score(FULL, EMPTY, (10, 10, 10), setting), score(EMPTY, FULL, (10, 10, 10), setting)
    for scores in (missed, false):
        assert scores.dice == scores.lesion_f1 == 0
        assert scores.count_difference == 1
        assert scores.volume_difference_ml == 24
        assert math.isnan(scores.hd95_mm)
    assert missed.detected == 0
    assert math.isnan(false.detected)


def test_two_voxels_two_millimetres_apart():
    assert hd95(drawing("#."), drawing(".#"), (9.0, 9.0, 2.0)) == 2


def test_distance_between_slices_counts_their_thickness():
    reference, prediction = np.zeros((2, 2, 3), bool), np.zeros((2, 2, 3), bool)
    reference[0, 0, 0] = prediction[1, 1, 2] = True
    assert hd95(reference, prediction, (6.0, 3.0, 1.0)) == pytest.approx(7)  # 6, 3 and 2 mm


def test_the_inside_of_a_lesion_is_no_surface():
    reference = np.zeros((5, 5, 5), bool)
    reference[:] = True
    center = np.zeros_like(reference)
    center[2, 2, 2] = True
    # The one voxel is 2 mm from the surface, 98 surface voxels are 2 to 3.46 mm from it.
    distances = sorted(
        math.dist((z, y, x), (2, 2, 2))
        for z in range(5)
        for y in range(5)
        for x in range(5)
        if {0, 4} & {z, y, x}
    )
    assert hd95(reference, center, (1, 1, 1)) == pytest.approx(np.percentile(distances, 95))


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # of MONAI, at itself
@pytest.mark.parametrize("seed", range(6))
def test_hd95_equals_monai(seed):
    import torch
    from monai.metrics import compute_hausdorff_distance

    reference, prediction = blobs(seed, 0.1), blobs(seed + 100, 0.07)
    spacing = (5.0, 1.5, 2.0)
    tensors = [torch.from_numpy(mask)[None, None] for mask in (prediction, reference)]
    theirs = compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=spacing)
    assert hd95(reference, prediction, spacing) == pytest.approx(float(theirs), rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_dice_equals_monai(seed):
    import torch
    from monai.metrics import compute_dice

    reference, prediction = blobs(seed, 0.2), blobs(seed + 10, 0.3)
    tensors = [torch.from_numpy(mask)[None, None] for mask in (prediction, reference)]
    assert dice(reference, prediction, "nan") == pytest.approx(float(compute_dice(*tensors)), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.01, 0.1, 0.5]))
def test_lesion_scores_equal_a_count_one_by_one(seed, share):
    rng = np.random.default_rng(seed)
    reference, prediction = rng.random((2, 4, 6, 6)) < share
    touching = np.ones((3, 3, 3))
    lesions, n_lesions = ndimage.label(reference, touching)
    drawn, n_drawn = ndimage.label(prediction, touching)
    found = sum(prediction[lesions == label].any() for label in range(1, n_lesions + 1))
    false = sum(not reference[drawn == label].any() for label in range(1, n_drawn + 1))
    total = 2 * found + false + n_lesions - found
    assert lesion_f1(reference, prediction) == pytest.approx(2 * found / total if total else 1)
    scores = score(reference, prediction, (1, 1, 1), "one")
    assert scores.lesion_f1 == lesion_f1(reference, prediction)
    assert scores.count_difference == abs(n_lesions - n_drawn)


def test_scores_do_not_depend_on_where_the_lesions_lie():
    reference, prediction = blobs(3, 0.1), blobs(4, 0.1)
    large = [np.pad(mask, ((3, 9), (20, 1), (0, 30))).astype(np.uint8) for mask in (reference, prediction)]
    assert score(*large, (5, 1, 1), "one") == score(reference, prediction, (5, 1, 1), "one")


def test_masks_on_different_grids_are_refused():
    with pytest.raises(ValueError, match=r"must be on the reference's grid \(2, 3, 4\), got \(2, 3, 5\)"):
        dice(EMPTY, np.zeros((2, 3, 5), bool), "one")
