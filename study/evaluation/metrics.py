"""How well a mask agrees with the reference: overlap, lesions, volume, distance.

Where a mask is empty:

==========================  ==================  =================  ====================
metric                      both empty          reference empty    prediction empty
==========================  ==================  =================  ====================
dice                        nan or 1 (setting)  0                  0
detected                    nan                 nan                0
lesion_f1                   1                   0                  0
count_difference            0                   predicted lesions  reference lesions
volume_difference_ml        0                   predicted volume   reference volume
hd95_mm                     nan                 nan                nan
==========================  ==================  =================  ====================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask, bounding_box, label_components

EmptyDice = Literal["nan", "one"]
EMPTY_DICE: dict[EmptyDice, float] = {"nan": math.nan, "one": 1.0}  # nnU-Net's rule, ISLES 2022's rule


@dataclass(frozen=True)
class Scores:
    """One prediction against its reference; the fields are those of `study.results.Row`."""

    dice: float
    detected: float
    lesion_f1: float
    count_difference: int
    volume_difference_ml: float
    hd95_mm: float
    reference_volume_ml: float
    predicted_volume_ml: float


def score(
    reference: NDArray[Any], prediction: NDArray[Any], spacing_mm: Sequence[float], empty_dice: EmptyDice
) -> Scores:
    """All metrics of one subject; the table above says what they are where a mask is empty.

    Args:
        reference: mask [D, H, W], 0 and 1.
        prediction: mask on the same grid.
        spacing_mm: voxel size along D, H, W.
        empty_dice: Dice where both masks are empty.
    """
    reference, prediction = _masks(reference, prediction)
    voxel_ml = math.prod(spacing_mm) / 1000
    box = bounding_box(reference | prediction) or (slice(0, 0),) * reference.ndim
    reference, prediction = reference[box], prediction[box]
    n_reference, n_prediction = int(reference.sum()), int(prediction.sum())
    overlap = int((reference & prediction).sum())
    f1, count_difference = _lesions(reference, prediction)
    return Scores(
        dice=dice_of_counts(overlap, n_reference, n_prediction, empty_dice),
        detected=float(overlap > 0) if n_reference else math.nan,
        lesion_f1=f1,
        count_difference=count_difference,
        volume_difference_ml=abs(n_reference - n_prediction) * voxel_ml,
        hd95_mm=hd95(reference, prediction, spacing_mm),
        reference_volume_ml=n_reference * voxel_ml,
        predicted_volume_ml=n_prediction * voxel_ml,
    )


def dice(reference: NDArray[Any], prediction: NDArray[Any], empty_dice: EmptyDice) -> float:
    """Dice of two masks [D, H, W]; nan or 1 where both are empty."""
    reference, prediction = _masks(reference, prediction)
    overlap = int(np.count_nonzero(reference & prediction))
    sizes = int(np.count_nonzero(reference)), int(np.count_nonzero(prediction))
    return dice_of_counts(overlap, *sizes, empty_dice)


def dice_of_counts(overlap: int, n_reference: int, n_prediction: int, empty_dice: EmptyDice) -> float:
    """Dice from numbers of voxels."""
    total = n_reference + n_prediction
    return 2 * overlap / total if total else EMPTY_DICE[empty_dice]


def lesion_f1(reference: NDArray[Any], prediction: NDArray[Any]) -> float:
    """F1 over 26-connected components (ISLES 2022).

    A reference component is found if at least one of its voxels is predicted; a predicted component is false
    if none of its voxels is in the reference. Both empty: 1.
    """
    return _lesions(*_masks(reference, prediction))[0]


def hd95(reference: NDArray[Any], prediction: NDArray[Any], spacing_mm: Sequence[float]) -> float:
    """The 95th percentile of surface distances in mm, the larger of both directions; nan if a mask is empty.

    A surface voxel is a voxel of the mask with one of its 6 face neighbours background or outside the volume.
    Distances are between voxel centers, from each surface voxel of one mask to the nearest of the other.
    """
    from scipy.spatial import cKDTree

    surfaces = []
    for mask in _masks(reference, prediction):
        box = bounding_box(mask)
        if box is None:
            return math.nan
        corner = np.array([side.start for side in box])
        surfaces.append((np.argwhere(_surface(mask[box])) + corner) * np.asarray(spacing_mm, dtype=float))
    first, second = surfaces
    forth, _ = cKDTree(second).query(first)
    back, _ = cKDTree(first).query(second)
    return float(max(np.percentile(forth, 95), np.percentile(back, 95)))


def _masks(reference: NDArray[Any], prediction: NDArray[Any]) -> tuple[Mask, Mask]:
    if reference.shape != prediction.shape:
        raise ValueError(
            f"prediction must be on the reference's grid {reference.shape}, got {prediction.shape}"
        )
    return reference.astype(np.bool_, copy=False), prediction.astype(np.bool_, copy=False)


def _lesions(reference: Mask, prediction: Mask) -> tuple[float, int]:
    """Lesion-wise F1 and the absolute difference of the numbers of lesions."""
    if reference.size == 0:
        return 1.0, 0
    reference_labels, n_reference = label_components(reference)
    prediction_labels, n_prediction = label_components(prediction)
    both = reference & prediction
    found = np.unique(reference_labels[both]).size
    false = n_prediction - np.unique(prediction_labels[both]).size
    total = found + n_reference + false  # 2 TP + FN + FP with TP = found, FN = n_reference - found
    return (2 * found / total if total else 1.0), abs(n_reference - n_prediction)


def _surface(mask: Mask) -> Mask:
    """The voxels of a mask that have a face neighbour outside of it."""
    padded = np.pad(mask, 1)
    inside = mask.copy()
    for axis in range(mask.ndim):
        for shift in (0, 2):
            window = [slice(1, -1)] * mask.ndim
            window[axis] = slice(shift, shift + mask.shape[axis])
            inside &= padded[tuple(window)]
    return mask & ~inside
