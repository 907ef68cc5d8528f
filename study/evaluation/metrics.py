"""How well a mask agrees with the reference: overlap, lesions, volume, distance.

Where a mask is empty:

==========================  ==================  =================  ====================
metric                      both empty          reference empty    prediction empty
==========================  ==================  =================  ====================
dice                        nan or 1 (setting)  0                  0
detected                    nan                 nan                0
lesion_f1                   1                   0                  0
false_positives             0                   predicted lesions  0
false_negatives             0                   0                  reference lesions
count_difference            0                   predicted lesions  reference lesions
volume_difference_ml        0                   predicted volume   reference volume
hd95_mm                     nan                 nan                nan
==========================  ==================  =================  ====================

A lesion is a component of 26 neighbours, whatever the target. A false positive is one of the prediction without a voxel
in the reference, a false negative one of the reference without a voxel in the prediction; their sizes are means over
those of the subject, 0 where there is none (Vargas-Ibarra, thrombus, whose means over patients have the zeros in).
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
    false_positives: int
    false_positive_voxels: float
    false_positive_ml: float
    false_negatives: int
    false_negative_voxels: float
    false_negative_ml: float


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
    lesions, predicted = _lesions(reference, prediction), _lesions(prediction, reference)
    return Scores(
        dice=dice_of_counts(overlap, n_reference, n_prediction, empty_dice),
        detected=float(overlap > 0) if n_reference else math.nan,
        lesion_f1=_f1(lesions, predicted),
        count_difference=abs(lesions.count - predicted.count),
        volume_difference_ml=abs(n_reference - n_prediction) * voxel_ml,
        hd95_mm=hd95(reference, prediction, spacing_mm),
        reference_volume_ml=n_reference * voxel_ml,
        predicted_volume_ml=n_prediction * voxel_ml,
        false_positives=predicted.alone.size,
        false_positive_voxels=predicted.mean_voxels,
        false_positive_ml=predicted.mean_voxels * voxel_ml,
        false_negatives=lesions.alone.size,
        false_negative_voxels=lesions.mean_voxels,
        false_negative_ml=lesions.mean_voxels * voxel_ml,
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


@dataclass(frozen=True)
class _Lesions:
    """The components of a mask, counted, and the sizes in voxels of those without a voxel in the other mask."""

    count: int
    alone: NDArray[np.int64]

    @property
    def mean_voxels(self) -> float:
        """Mean size of those without a voxel in the other mask; 0 where there is none."""
        return float(self.alone.mean()) if self.alone.size else 0.0


def _lesions(mask: Mask, other: Mask) -> _Lesions:
    box = bounding_box(mask)
    if box is None:
        return _Lesions(0, np.zeros(0, np.int64))
    labels, count = label_components(mask[box])
    sizes = np.bincount(labels[mask[box]])
    sizes[labels[mask[box] & other[box]]] = 0
    return _Lesions(count, sizes[sizes > 0])


def _f1(reference: _Lesions, prediction: _Lesions) -> float:
    """F1 over components (ISLES 2022); both empty: 1."""
    found = reference.count - reference.alone.size
    total = 2 * found + reference.alone.size + prediction.alone.size
    return 2 * found / total if total else 1.0


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
