"""All metrics of one prediction, from masks that are cropped once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from study.config.parts import find_part
from study.evaluation.components import bounding_box, on_one_grid
from study.evaluation.metrics.distance import hd95
from study.evaluation.metrics.lesions import Lesions, lesion_f1
from study.evaluation.metrics.overlap import EmptyDice, detected, dice
from study.evaluation.metrics.volume import volume_difference_ml, volume_ml, voxel_volume_ml


@dataclass(frozen=True)
class Scores:
    """One prediction against its reference; the fields are those of `study.evaluation.rows.ResultRow`."""

    dice: float
    detected: float
    lesion_f1: float
    count_difference: int
    volume_difference_ml: float
    hd95_mm: float
    reference_volume_ml: float
    predicted_volume_ml: float
    false_positives: int
    false_positive_voxels: float
    false_positive_ml: float
    false_negatives: int
    false_negative_voxels: float
    false_negative_ml: float


def score(
    reference: NDArray[Any], prediction: NDArray[Any], spacing_mm: Sequence[float], empty_dice: EmptyDice
) -> Scores:
    """All metrics of one subject; the table in `study.evaluation.metrics` has their values for empty masks.

    Args:
        reference: mask [D, H, W], 0 and 1.
        prediction: mask on the same grid.
        spacing_mm: voxel size along D, H, W.
        empty_dice: Dice where both masks are empty.

    Raises:
        ValueError: the masks are on different grids.
    """
    reference, prediction = on_one_grid(reference, prediction)
    box = bounding_box(reference | prediction) or (slice(0, 0),) * reference.ndim
    reference, prediction = reference[box], prediction[box]
    voxel_ml = voxel_volume_ml(spacing_mm)
    lesions, predicted = Lesions.of(reference, prediction), Lesions.of(prediction, reference)
    return Scores(
        dice=dice(reference, prediction, empty_dice),
        detected=detected(reference, prediction),
        lesion_f1=lesion_f1(lesions, predicted),
        count_difference=abs(lesions.count - predicted.count),
        volume_difference_ml=volume_difference_ml(reference, prediction, spacing_mm),
        hd95_mm=hd95(reference, prediction, spacing_mm),
        reference_volume_ml=volume_ml(reference, spacing_mm),
        predicted_volume_ml=volume_ml(prediction, spacing_mm),
        false_positives=predicted.alone.size,
        false_positive_voxels=predicted.mean_voxels,
        false_positive_ml=predicted.mean_voxels * voxel_ml,
        false_negatives=lesions.alone.size,
        false_negative_voxels=lesions.mean_voxels,
        false_negative_ml=lesions.mean_voxels * voxel_ml,
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
