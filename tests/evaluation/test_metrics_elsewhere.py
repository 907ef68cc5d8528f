"""Metrics equal those of other packages: MONAI, surface-distance, panoptica, scikit-learn, NumPy; nnU-Net's formula."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from drawn_masks import SPACING_MM, pair, scored
from scipy import ndimage

from study.evaluation.metrics.calibration import BINS, calibration_error
from study.evaluation.metrics.distance import SurfaceDistances

SEEDS = range(6)
MONAI = pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # of MONAI, at itself
SURFACE_DISTANCE = pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # its own
EVERYWHERE = np.ones((3, 3, 3), int)  # 26 neighbours


def tensors(*arrays: np.ndarray) -> list[object]:
    import torch

    return [torch.from_numpy(array)[None, None] for array in arrays]


def ball(middle: tuple[float, ...], radius_mm: float, shape: tuple[int, ...], spacing_mm: tuple[float, ...]):
    axes = np.ogrid[tuple(slice(side) for side in shape)]
    squares = [((axis - at) * mm) ** 2 for axis, at, mm in zip(axes, middle, spacing_mm, strict=True)]
    return sum(squares) < radius_mm**2


@MONAI
@pytest.mark.parametrize("seed", SEEDS)
def test_surface_distances_equal_monai(seed: int) -> None:
    from monai.metrics import (
        compute_average_surface_distance,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    reference, prediction = pair(seed)
    masks, options = tensors(prediction, reference), {"include_background": True, "spacing": SPACING_MM}
    scores = scored(reference, prediction, tolerance_mm=1.7)
    theirs = compute_hausdorff_distance(*masks, percentile=95, **options)
    assert scores.hd95_mm == pytest.approx(float(theirs), rel=1e-5)
    theirs = compute_average_surface_distance(*masks, symmetric=True, **options)
    assert scores.assd_mm == pytest.approx(float(theirs), rel=1e-5)
    assert scores.nsd == pytest.approx(float(compute_surface_dice(*masks, [1.7], **options)), rel=1e-5)


@SURFACE_DISTANCE
@pytest.mark.parametrize(
    ("spacing_mm", "shape"), [((1.0, 1.0, 1.0), (60, 60, 60)), ((3.0, 1.0, 1.0), (24, 60, 60))]
)
def test_surface_distances_are_those_of_surface_distance_to_a_voxel(
    spacing_mm: tuple[float, float, float], shape: tuple[int, int, int]
) -> None:
    """Its surfaces lie between voxels and are weighted by area, so that the two differ by a voxel at most."""
    others = pytest.importorskip("surface_distance", reason="surface-distance is not installed")
    middle = tuple(side / 2 for side in shape)
    reference = ball(middle, 20, shape, spacing_mm)
    prediction = ball((middle[0], middle[1] + 2, middle[2]), 18, shape, spacing_mm)
    ours = SurfaceDistances.of(reference, prediction, spacing_mm)
    theirs = others.compute_surface_distances(reference, prediction, spacing_mm)
    step = max(spacing_mm)
    assert ours.hd95_mm == pytest.approx(others.compute_robust_hausdorff(theirs, 95), abs=step)
    average = np.mean(others.compute_average_surface_distance(theirs))
    assert ours.average_mm == pytest.approx(average, abs=step / 2)
    for tolerance in (step, 1.5 * step, 2 * step):
        low, high = (
            others.compute_surface_dice_at_tolerance(theirs, tolerance + off) for off in (-step, step)
        )
        assert low <= ours.within(tolerance) <= high


@SURFACE_DISTANCE
def test_two_voxels_apart_have_the_distances_of_surface_distance() -> None:
    others = pytest.importorskip("surface_distance", reason="surface-distance is not installed")
    reference, prediction = np.zeros((2, 8, 9, 10), bool)
    reference[2, 3, 4], prediction[2, 5, 4] = True, True
    theirs = others.compute_surface_distances(reference, prediction, (3.0, 2.0, 1.0))
    ours = SurfaceDistances.of(reference, prediction, (3.0, 2.0, 1.0))
    # Of a voxel's eight corners four are 2 mm, those between both voxels, and four 4 mm from the other voxel's.
    assert ours.hd95_mm == others.compute_robust_hausdorff(theirs, 95) == 4
    for tolerance, share in ((3.9, 0.0), (4.0, 1.0)):
        assert ours.within(tolerance) == share
    assert others.compute_surface_dice_at_tolerance(theirs, 4.0) == 1


@MONAI
@pytest.mark.parametrize("seed", SEEDS)
def test_overlap_equals_monai_and_nnunet(seed: int) -> None:
    from monai.metrics import compute_confusion_matrix_metric, compute_dice, get_confusion_matrix

    reference, prediction = pair(seed)
    scores = scored(reference, prediction)
    masks = tensors(prediction, reference)
    assert scores.dice == pytest.approx(float(compute_dice(*masks)), rel=1e-6)
    counts = get_confusion_matrix(*(mask.float() for mask in masks))  # type: ignore[attr-defined]
    for name, ours in (("precision", scores.ppv), ("sensitivity", scores.tpr)):
        assert ours == pytest.approx(float(compute_confusion_matrix_metric(name, counts)), rel=1e-6)
    true, false, missed = (
        np.sum(voxels)
        for voxels in (reference & prediction, ~reference & prediction, reference & ~prediction)
    )
    assert scores.dice == pytest.approx(2 * true / (2 * true + false + missed))  # nnU-Net's formula


@pytest.mark.parametrize("seed", SEEDS)
def test_the_correlation_of_voxels_is_numpy_s(seed: int) -> None:
    reference, prediction = pair(seed)
    theirs = np.corrcoef(reference.ravel(), prediction.ravel())[0, 1]
    assert scored(reference, prediction).voxel_correlation == pytest.approx(theirs)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_correlation_of_voxels_is_scikit_learn_s_matthews_coefficient(seed: int) -> None:
    from sklearn.metrics import matthews_corrcoef

    reference, prediction = pair(seed)
    theirs = matthews_corrcoef(reference.ravel(), prediction.ravel())
    assert scored(reference, prediction).voxel_correlation == pytest.approx(theirs)


@MONAI
@pytest.mark.parametrize("seed", SEEDS)
def test_panoptic_quality_equals_monai(seed: int) -> None:
    import torch
    from monai.metrics import compute_panoptic_quality

    reference, prediction = pair(seed)
    maps = [
        torch.from_numpy(ndimage.label(mask, EVERYWHERE)[0].astype(np.int64))
        for mask in (prediction, reference)
    ]
    scores = scored(reference, prediction)
    for name, ours in (("pq", scores.panoptic_quality), ("rq", scores.recognition_quality)):
        assert ours == pytest.approx(float(compute_panoptic_quality(*maps, name)), abs=1e-5)
    if scores.recognition_quality:
        theirs = compute_panoptic_quality(*maps, "sq")
        assert scores.segmentation_quality == pytest.approx(float(theirs), abs=1e-5)


@pytest.mark.filterwarnings("ignore")  # of panoptica, about optional packages
@pytest.mark.parametrize("seed", SEEDS)
def test_panoptic_quality_equals_panoptica(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOPTICA_CITATION_REMINDER", "false")
    panoptica = pytest.importorskip("panoptica", reason="panoptica is not installed")
    evaluator = panoptica.Panoptica_Evaluator(
        expected_input=panoptica.InputType.SEMANTIC,
        instance_approximator=panoptica.ConnectedComponentsInstanceApproximator(),
        instance_matcher=panoptica.NaiveThresholdMatching(matching_threshold=0.5 + 1e-9),
        instance_metrics=[panoptica.Metric.IOU],
        global_metrics=[panoptica.Metric.DSC],
    )
    reference, prediction = pair(seed)
    theirs = evaluator.evaluate(prediction.astype(np.uint8), reference.astype(np.uint8))["ungrouped"]
    scores = scored(reference, prediction)
    assert scores.panoptic_quality == pytest.approx(theirs.pq)
    assert scores.recognition_quality == pytest.approx(theirs.rq)
    assert scores.segmentation_quality == pytest.approx(theirs.sq if theirs.tp else math.nan, nan_ok=True)
    assert scores.dice == pytest.approx(theirs.global_bin_dsc)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("corners", [False, True], ids=["18", "26"])
def test_lesions_are_those_of_scipy_s_labels(seed: int, corners: bool) -> None:
    near = np.array([sum(map(abs, at)) < 3 or corners for at in product((-1, 0, 1), repeat=3)])
    reference, prediction = pair(seed)
    (lesions, count), (drawn, others) = (
        ndimage.label(mask, near.reshape(3, 3, 3)) for mask in (reference, prediction)
    )
    found = len(set(lesions[reference & prediction].tolist()))
    false = others - len(set(drawn[reference & prediction].tolist()))
    scores = scored(reference, prediction)
    if corners:
        assert (scores.false_negatives, scores.false_positives) == (count - found, false)
        assert scores.lesion_f1 == pytest.approx(2 * found / (found + count + false))
    else:
        assert (scores.ltpr, scores.lfpr) == pytest.approx((found / count, false / others))


@MONAI
@pytest.mark.parametrize("seed", SEEDS)
def test_the_calibration_error_equals_monai(seed: int) -> None:
    from monai.metrics import CalibrationErrorMetric

    reference, _ = pair(seed)
    noise = np.random.default_rng(seed).normal(size=reference.shape)
    logit = ndimage.gaussian_filter(noise, 1) * 4 + 3 * reference - 1
    probability = (1 / (1 + np.exp(-logit))).astype(np.float32)
    metric = CalibrationErrorMetric(num_bins=BINS, include_background=True)
    probabilities, truth = tensors(probability, reference)
    metric(probabilities, truth.float())  # type: ignore[attr-defined]
    ours = calibration_error(probability, reference, reference.size)
    assert ours == pytest.approx(float(metric.aggregate()), rel=1e-4)
    assert ours > 0.01
