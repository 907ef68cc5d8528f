"""What every metric is where masks are empty, and where components touch each other or the border."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from drawn_masks import drawing, scored, slices

from study.evaluation.metrics import METRICS, Scores, score
from study.evaluation.rows import columns

SOME = slices(drawing("##..", "...."), drawing("....", "...#"))  # components of two and of one voxel
EMPTY = np.zeros_like(SOME)
SPACING_MM = (5.0, 2.0, 1.0)  # a voxel has 0.01 mL
MASKS = {"both": (EMPTY, EMPTY), "reference": (EMPTY, SOME), "prediction": (SOME, EMPTY)}
COUNTED = {
    "both": {},
    "reference": {
        "count_difference": 2,
        "volume_difference_ml": 0.03,
        "predicted_volume_ml": 0.03,
        "false_positives": 2,
        "false_positive_voxels": 1.5,
        "false_positive_ml": 0.015,
    },
    "prediction": {
        "count_difference": 2,
        "volume_difference_ml": 0.03,
        "reference_volume_ml": 0.03,
        "false_negatives": 2,
        "false_negative_voxels": 1.5,
        "false_negative_ml": 0.015,
    },
}
OF_MASKS = [each.name for each in fields(Scores)]


@pytest.mark.parametrize("empty", MASKS)
@pytest.mark.parametrize("name", OF_MASKS)
def test_a_metric_of_an_empty_mask_is_what_the_catalogue_says(empty: str, name: str) -> None:
    facts = METRICS[name].empty
    assert facts is not None
    said = getattr(facts, empty)
    meant = {"1": 1, "0": 0, "none": math.nan, "setting": 1, "counted": COUNTED[empty].get(name, 0)}[said]
    assert getattr(scored(*MASKS[empty], SPACING_MM), name) == pytest.approx(meant, nan_ok=True)


def test_the_dice_of_two_empty_masks_is_a_setting() -> None:
    assert METRICS["dice"].empty.both == "setting"
    assert math.isnan(score(EMPTY, EMPTY, SPACING_MM, "nan", 2.0).dice)


def test_the_catalogue_has_the_columns_of_rows_in_their_order() -> None:
    assert [name for name in columns() if name in METRICS] == list(METRICS)
    assert list(METRICS)[: len(OF_MASKS)] == OF_MASKS


def test_components_that_touch_by_a_corner_of_a_voxel_are_one_of_26_and_two_of_18_neighbours() -> None:
    reference = slices(drawing("#..", "...", "..."), drawing("...", ".#.", "..."))
    prediction = slices(drawing("#..", "...", "..."), drawing("...", "...", "..."))
    scores = scored(reference, prediction)
    assert (scores.false_negatives, scores.lesion_f1) == (0, 1)  # one lesion, which is found
    assert (scores.ltpr, scores.lfpr) == (0.5, 0)


def test_components_that_touch_by_an_edge_are_one_in_both() -> None:
    reference = drawing("#..", ".#.", "...")
    scores = scored(reference, drawing("#..", "...", "..."))
    assert (scores.false_negatives, scores.ltpr) == (0, 1)


def test_the_border_joins_nothing() -> None:
    """Voxels at opposite borders, as of an array that is wrapped around, are two components."""
    reference = drawing("#...#", ".....", "#...#")
    scores = scored(reference, drawing("#....", ".....", "....."))
    assert (scores.false_negatives, scores.false_negative_voxels) == (3, 1)
    assert scores.ltpr == 0.25


def test_two_lesions_that_a_prediction_joins_are_found_but_do_not_both_match() -> None:
    reference, prediction = drawing("####.##"), drawing("#######")
    scores = scored(reference, prediction)
    # IoU of the first lesion: 4 of 7; of the second: 2 of 7.
    assert (scores.lesion_f1, scores.ltpr, scores.lfpr) == (1, 1, 0)
    assert scores.segmentation_quality == pytest.approx(4 / 7)
    assert scores.recognition_quality == pytest.approx(2 / 3)
    assert scores.panoptic_quality == pytest.approx(8 / 21)


def test_half_of_the_union_is_no_match() -> None:
    scores = scored(drawing("##.."), drawing("####"))
    assert (scores.recognition_quality, scores.panoptic_quality) == (0, 0)
    assert math.isnan(scores.segmentation_quality)


def test_a_mask_that_fills_the_scan_has_no_correlation_with_another() -> None:
    full = np.ones((1, 2, 2), bool)
    assert scored(full, drawing("#.", "..")).voxel_correlation == 0
    assert math.isnan(scored(full, full).voxel_correlation)


def test_volumes_are_compared_in_ml_and_over_the_reference() -> None:
    scores = scored(drawing("##.."), drawing("..##"), SPACING_MM)
    assert scores.volume_difference_ml == scores.relative_volume_difference == 0  # whatever the overlap
    scores = scored(drawing("####"), drawing("#..."), SPACING_MM)
    assert scores.volume_difference_ml == pytest.approx(0.03)
    assert scores.relative_volume_difference == pytest.approx(0.75)
    assert scored(drawing("#..."), drawing("####")).relative_volume_difference == pytest.approx(3)


def test_ppv_and_tpr_are_shares_of_the_prediction_and_of_the_reference() -> None:
    scores = scored(drawing("####."), drawing("..###"))
    assert scores.ppv == pytest.approx(2 / 3)
    assert scores.tpr == pytest.approx(2 / 4)
