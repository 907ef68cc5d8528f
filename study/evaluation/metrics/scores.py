"""All metrics of one prediction, from masks that are cropped once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from study.config.parts import find_part
from study.evaluation.components import bounding_box, on_one_grid
from study.evaluation.metrics.distance import SurfaceDistances
from study.evaluation.metrics.lesions import Lesions, mean_voxels
from study.evaluation.metrics.overlap import EmptyDice, Overlap
from study.evaluation.metrics.volume import (
    relative_volume_difference,
    volume_difference_ml,
    voxel_volume_ml,
)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One prediction against its reference: a column of rows each; `study.evaluation.metrics.METRICS` defines them."""

    dice: float
    detected: float
    ppv: float
    tpr: float
    voxel_correlation: float
    lesion_f1: float
    lfpr: float
    ltpr: float
    panoptic_quality: float
    segmentation_quality: float
    recognition_quality: float
    count_difference: int
    volume_difference_ml: float
    relative_volume_difference: float
    hd95_mm: float
    assd_mm: float
    nsd: float
    reference_volume_ml: float
    predicted_volume_ml: float
    false_positives: int
    false_positive_voxels: float
    false_positive_ml: float
    false_negatives: int
    false_negative_voxels: float
    false_negative_ml: float


def score(
    reference: NDArray[Any],
    prediction: NDArray[Any],
    spacing_mm: Sequence[float],
    empty_dice: EmptyDice,
    tolerance_mm: float,
) -> Scores:
    """All metrics of one subject that two masks give.

    Args:
        reference: mask [D, H, W], 0 and 1.
        prediction: mask on the same grid.
        spacing_mm: voxel size along D, H, W.
        empty_dice: Dice where both masks are empty.
        tolerance_mm: of the normalised surface distance.

    Raises:
        ValueError: the masks are on different grids.
    """
    reference, prediction = on_one_grid(reference, prediction)
    voxels = reference.size
    box = bounding_box(reference | prediction) or (slice(0, 0),) * reference.ndim
    reference, prediction = reference[box], prediction[box]
    overlap = Overlap.of(reference, prediction, voxels)
    lesions = Lesions.of(reference, prediction)
    isbi = Lesions.of(reference, prediction, connectivity=18)
    panoptic = lesions.panoptic
    distances = SurfaceDistances.of(reference, prediction, spacing_mm)
    voxel_ml = voxel_volume_ml(spacing_mm)
    return Scores(
        dice=overlap.dice(empty_dice),
        detected=overlap.detected,
        ppv=overlap.ppv,
        tpr=overlap.tpr,
        voxel_correlation=overlap.correlation,
        lesion_f1=lesions.f1,
        lfpr=isbi.lfpr,
        ltpr=isbi.ltpr,
        panoptic_quality=panoptic.quality,
        segmentation_quality=panoptic.segmentation,
        recognition_quality=panoptic.recognition,
        count_difference=abs(lesions.reference.size - lesions.prediction.size),
        volume_difference_ml=volume_difference_ml(overlap, spacing_mm),
        relative_volume_difference=relative_volume_difference(overlap),
        hd95_mm=distances.hd95_mm,
        assd_mm=distances.average_mm,
        nsd=distances.within(tolerance_mm),
        reference_volume_ml=overlap.reference * voxel_ml,
        predicted_volume_ml=overlap.prediction * voxel_ml,
        false_positives=lesions.false.size,
        false_positive_voxels=mean_voxels(lesions.false),
        false_positive_ml=mean_voxels(lesions.false) * voxel_ml,
        false_negatives=lesions.missed.size,
        false_negative_voxels=mean_voxels(lesions.missed),
        false_negative_ml=mean_voxels(lesions.missed) * voxel_ml,
    )


def extra_scores(
    reference: NDArray[Any], prediction: NDArray[Any], spacing_mm: Sequence[float], names: Sequence[str]
) -> dict[str, float]:
    """The values of metrics of installed packages, by name.

    Args:
        reference, prediction, spacing_mm: as for `score`.
        names: of the metrics (`evaluation.metrics`); each is a function of two masks [D, H, W] and the voxel size.

    Raises:
        ValueError: the masks are on different grids.
    """
    masks = on_one_grid(reference, prediction)
    return {name: float(find_part("metrics", name)(*masks, spacing_mm)) for name in names}
