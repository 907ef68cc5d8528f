from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_masks import blobs, drawing, scored
from hypothesis import given, settings
from hypothesis import strategies as st

from study.evaluation.metrics import dice, score

EMPTY = np.zeros((2, 3, 4), bool)
FULL = np.ones((2, 3, 4), bool)


def test_two_of_three_voxels_shared():
    reference, prediction = drawing("###.."), drawing(".###.")
    assert dice(reference, prediction, "one") == pytest.approx(2 / 3)
    scores = scored(reference, prediction, (5.0, 2.0, 1.0))
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
    scores = scored(reference, prediction, (1.0, 10.0, 100.0))
    # Of 4 lesions of the reference 2 are found; of 3 predicted one (two voxels, by a corner) is false.
    assert scores.lesion_f1 == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert scores.count_difference == 1
    assert scores.volume_difference_ml == 0
    assert scores.reference_volume_ml == pytest.approx(5)
    assert scores.dice == pytest.approx(2 * 3 / 10)
    # Missed are the one voxel at the top right and the one at the bottom left.
    assert (scores.false_positives, scores.false_positive_voxels) == (1, 2)
    assert (scores.false_negatives, scores.false_negative_voxels) == (2, 1)
    assert (scores.false_positive_ml, scores.false_negative_ml) == (2, 1)


def test_one_prediction_over_two_lesions_finds_both():
    scores = scored(drawing("#.#"), drawing("###"), (1, 1, 1))
    assert scores.lesion_f1 == 1
    assert scores.count_difference == 1


def test_sizes_of_false_components_are_means_over_them():
    reference = drawing("#........", ".........", "....###..")
    prediction = drawing("###....##", "........#", "..#......")
    scores = scored(reference, prediction, (2.0, 3.0, 0.5))  # a voxel has 0.003 mL
    # The part of a component that lies outside the reference makes it no false positive.
    assert (scores.false_positives, scores.false_positive_voxels) == (2, 2)  # of 3 and of 1 voxel
    assert scores.false_positive_ml == pytest.approx(0.006)
    assert (scores.false_negatives, scores.false_negative_voxels) == (1, 3)
    assert scores.false_negative_ml == pytest.approx(0.009)
    assert scores.detected == 1


def test_components_that_touch_by_a_corner_are_one_and_overlap_is_by_voxel_not_by_touch():
    reference, prediction = np.zeros((2, 2, 2, 4), bool)
    reference[0, 0, 0] = reference[1, 1, 1] = True
    prediction[0, 1, 2] = prediction[1, 0, 3] = True  # beside the reference, never on it
    scores = scored(reference, prediction, (1, 1, 1))
    assert (scores.false_negatives, scores.false_negative_voxels) == (1, 2)
    assert (scores.false_positives, scores.false_positive_voxels) == (1, 2)
    assert scores.detected == scores.lesion_f1 == 0


def test_a_missed_lesion_is_not_detected():
    assert scored(drawing("#..."), drawing("...#"), (1, 1, 1)).detected == 0


@pytest.mark.parametrize(("setting", "expected"), [("nan", math.nan), ("one", 1.0)])
def test_both_empty(setting, expected):
    scores = score(EMPTY, EMPTY, (1, 1, 1), setting, 2.0)
    np.testing.assert_equal(scores.dice, expected)
    np.testing.assert_equal(dice(EMPTY, EMPTY, setting), expected)
    assert math.isnan(scores.detected)
    assert math.isnan(scores.hd95_mm)
    assert scores.lesion_f1 == 1
    assert scores.count_difference == scores.volume_difference_ml == 0
    assert scores.false_positives == scores.false_positive_voxels == scores.false_positive_ml == 0
    assert scores.false_negatives == scores.false_negative_voxels == scores.false_negative_ml == 0


@pytest.mark.parametrize("setting", ["nan", "one"])
def test_one_empty(setting):
    missed, false = (
        score(FULL, EMPTY, (10, 10, 10), setting, 2.0),
        score(EMPTY, FULL, (10, 10, 10), setting, 2.0),
    )
    for scores in (missed, false):
        assert scores.dice == scores.lesion_f1 == 0
        assert scores.count_difference == 1
        assert scores.volume_difference_ml == 24
        assert math.isnan(scores.hd95_mm)
    assert missed.detected == 0
    assert math.isnan(false.detected)
    found_nothing = (missed.false_positives, missed.false_positive_voxels, missed.false_positive_ml)
    missed_nothing = (false.false_negatives, false.false_negative_voxels, false.false_negative_ml)
    assert found_nothing == missed_nothing == (0, 0, 0)
    assert (missed.false_negatives, missed.false_negative_voxels, missed.false_negative_ml) == (1, 24, 24)
    assert (false.false_positives, false.false_positive_voxels, false.false_positive_ml) == (1, 24, 24)


def components_by_hand(mask: np.ndarray) -> list[set[tuple[int, ...]]]:
    """The sets of voxels that are joined by steps of at most one along each axis."""
    left = set(map(tuple, np.argwhere(mask).tolist()))
    found = []
    while left:
        component, border = set(), [left.pop()]
        while border:
            voxel = border.pop()
            component.add(voxel)
            near = {
                other for other in left if max(abs(a - b) for a, b in zip(voxel, other, strict=True)) == 1
            }
            left -= near
            border += near
        found.append(component)
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0, 0.01, 0.1, 0.5]))
def test_lesion_scores_equal_a_count_one_by_one(seed, share):
    rng = np.random.default_rng(seed)
    reference, prediction = rng.random((4, 6, 6)) < share, rng.random((4, 6, 6)) < 0.08
    lesions, drawn = components_by_hand(reference), components_by_hand(prediction)
    missed = [len(lesion) for lesion in lesions if not lesion & set().union(*drawn)]
    false = [len(lesion) for lesion in drawn if not lesion & set().union(*lesions)]
    found = len(lesions) - len(missed)
    total = 2 * found + len(false) + len(missed)
    scores = scored(reference, prediction, (4.0, 0.5, 2.0))
    assert scores.lesion_f1 == pytest.approx(2 * found / total if total else 1)
    assert scores.count_difference == abs(len(lesions) - len(drawn))
    for sizes, count, voxels, volume_ml in (
        (false, scores.false_positives, scores.false_positive_voxels, scores.false_positive_ml),
        (missed, scores.false_negatives, scores.false_negative_voxels, scores.false_negative_ml),
    ):
        assert count == len(sizes)
        assert voxels == pytest.approx(sum(sizes) / max(len(sizes), 1))
        assert volume_ml == pytest.approx(voxels * 0.004)


def test_scores_do_not_depend_on_where_the_lesions_lie():
    reference, prediction = blobs(3, 0.1), blobs(4, 0.1)
    large = [np.pad(mask, ((3, 9), (20, 1), (0, 30))).astype(np.uint8) for mask in (reference, prediction)]
    inside, alone = (vars(scored(*masks, (5, 1, 1))) for masks in (large, (reference, prediction)))
    # The correlation of voxels alone is over all of the scan.
    assert inside.pop("voxel_correlation") > alone.pop("voxel_correlation")
    np.testing.assert_equal(inside, alone)


def test_masks_on_different_grids_are_refused():
    with pytest.raises(ValueError, match=r"must be on the reference's grid \(2, 3, 4\), got \(2, 3, 5\)"):
        dice(EMPTY, np.zeros((2, 3, 5), bool), "one")
