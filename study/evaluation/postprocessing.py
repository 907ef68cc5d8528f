"""From a probability map to a mask: a chain of steps, each at most once, in the order that the settings give.

==============  ==========================================================================================
threshold       the voxels with probability >= threshold; always first
remove_small    removes components below a number of voxels or below a volume
keep_biggest    removes components smaller than `ratio` times the largest; equally large ones share a fate
near_lesion     removes components whose center of mass is more than N farther from the lesion's than the
                closest one's is; skipped without a lesion
grow            adds the voxels with probability >= grow.threshold that are connected to the mask through
                such voxels (hysteresis)
fill_holes      adds the background that no path of face neighbours connects to the border of the volume
==============  ==========================================================================================

Components are 26-connected, and those of the mask as it is when a step begins. The steps and their order follow
Vargas-Ibarra 2024 (section 4.2.4). Deliberate deviations: that text can be read as adding one ring of voxels,
`grow` adds all that are connected; fill_holes is not in it.

What is out of the ordinary:

=====================================  ===================================================================
no lesion is known                     near_lesion is skipped
the lesion is outside of the map       distances are measured all the same
an empty mask                          stays empty, whatever the step
a component of one voxel               is one like others: it can be the largest, the closest, and grow
several are the largest                all are kept
several are the closest in mm          of these, distances in voxels are compared with the closest in voxels
grow.threshold above threshold         refused, naming both; what a sampler draws is lowered to threshold
near_lesion without a limit            refused; what a sampler draws loses the step
spacing differs between subjects       mL and mm become voxels with each subject's own, voxels stay voxels
a hollow at the border of the volume   is no hole
a probability that is not a number     is below any threshold
=====================================  ===================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.config import Postprocessing, Step
from study.evaluation.components import Mask, label_components
from study.imaging.geometry import Centroid

Values = NDArray[np.float64]
Integers = NDArray[np.int64]
ROUNDING = 1e-6  # voxels by which a component may miss its minimum, as 0.07 · 100 is 7.000000000000001


@dataclass(frozen=True)
class Subject:
    """What the steps need to know beside the probabilities.

    Attributes:
        spacing_mm: voxel size along D, H, W.
        lesion: center of mass of the lesion on the map's grid; None where there is none.
    """

    spacing_mm: tuple[float, float, float]
    lesion: Centroid | None = None

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return math.prod(self.spacing_mm) / 1000


def postprocess(probability: NDArray[np.float32], settings: Postprocessing, subject: Subject) -> Mask:
    """The mask [D, H, W] after all steps; the table above says what each does.

    Args:
        probability: [D, H, W].
        settings: the steps in their order, and their thresholds.
        subject: voxel size and lesion.
    """
    mask: Mask = np.zeros(probability.shape, dtype=np.bool_)
    for step in settings.steps:
        mask = STEPS[step](mask, probability, settings, subject)
    return mask


def min_voxels(voxels: int, ml: float, voxel_volume_ml: float) -> int:
    """The voxels that a component needs in order to reach a minimum count and a minimum volume."""
    return max(voxels, math.ceil(ml / voxel_volume_ml - ROUNDING))


def min_of_largest(largest: Integers, ratio: Values | float) -> Values:
    """The voxels that a component needs in order to reach `ratio` times the largest."""
    return np.asarray(np.ceil(largest * ratio - ROUNDING))


class Distances(NamedTuple):
    """From the lesion's center of mass to those of components [n], in both units."""

    voxels: Values
    mm: Values


def lesion_distances(sizes: Integers, moments: Integers, lesion: Values, spacing_mm: Values) -> Distances:
    """Euclidean distances [n] between centers of mass.

    Args:
        sizes: voxels of each component [n].
        moments: sums of their coordinates [n, 3].
        lesion: its center of mass in voxels, [3] or one for each component [n, 3].
        spacing_mm: [3] or [n, 3].
    """
    apart = moments / sizes[:, None] - lesion
    apart_mm = apart * spacing_mm
    return Distances(_length(apart), _length(apart_mm))


def _length(vectors: Values) -> Values:
    return np.asarray(np.sqrt(vectors[:, 0] ** 2 + vectors[:, 1] ** 2 + vectors[:, 2] ** 2))


def _threshold(mask: Mask, probability: NDArray[np.float32], settings: Postprocessing, _: Subject) -> Mask:
    return probability >= np.float32(settings.threshold)


def _remove_small(mask: Mask, _: object, settings: Postprocessing, subject: Subject) -> Mask:
    smallest = min_voxels(settings.remove_small.voxels, settings.remove_small.ml, subject.voxel_volume_ml)
    return _keep_components(mask, lambda sizes, _: sizes >= smallest)


def _keep_biggest(mask: Mask, _: object, settings: Postprocessing, __: Subject) -> Mask:
    return _keep_components(
        mask, lambda sizes, _: sizes >= min_of_largest(sizes.max(), settings.keep_biggest.ratio)
    )


def _near_lesion(mask: Mask, _: object, settings: Postprocessing, subject: Subject) -> Mask:
    """The closest is the closest in mm where a limit in mm is given: it is kept under any limits."""
    if subject.lesion is None:
        return mask
    lesion, spacing_mm = np.array(subject.lesion), np.array(subject.spacing_mm)
    limits = settings.near_lesion

    def near(sizes: Integers, moments: Integers) -> Mask:
        distances = lesion_distances(sizes, moments, lesion, spacing_mm)
        order = (distances.voxels, distances.mm) if limits.mm is not None else (distances.voxels,)
        closest = np.lexsort(order)[0]
        keep = np.ones(sizes.shape, dtype=np.bool_)
        for distance, limit in ((distances.voxels, limits.voxels), (distances.mm, limits.mm)):
            if limit is not None:
                keep &= distance <= distance[closest] + limit
        return keep

    return _keep_components(mask, near)


def _grow(mask: Mask, probability: NDArray[np.float32], settings: Postprocessing, _: Subject) -> Mask:
    labels, count = label_components(mask | (probability >= np.float32(settings.grow.threshold)))
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[labels[mask]] = True
    return np.asarray(touched[labels])


def _fill_holes(mask: Mask, _: object, __: Postprocessing, ___: Subject) -> Mask:
    return fill_holes(mask)


def fill_holes(mask: Mask) -> Mask:
    """A mask [D, H, W] with the background that is not 6-connected to the outside of the volume."""
    import cc3d

    background = np.pad(~mask, 1, constant_values=True)
    labels = cc3d.connected_components(background.view(np.uint8), connectivity=6)
    return np.ascontiguousarray((labels != labels[0, 0, 0])[1:-1, 1:-1, 1:-1])


def _keep_components(mask: Mask, keep: Callable[[Integers, Integers], Mask]) -> Mask:
    """The components that `keep(sizes [n], sums of coordinates [n, 3])` says yes to."""
    labels, count = label_components(mask)
    if count == 0:
        return mask
    voxels = np.nonzero(mask)
    owners = labels[voxels].astype(np.intp) - 1
    sizes = np.bincount(owners, minlength=count)
    moments = [np.bincount(owners, weights=axis, minlength=count).astype(np.int64) for axis in voxels]
    kept = np.append(False, keep(sizes, np.stack(moments, axis=1)))
    return np.asarray(kept[labels])


STEPS: dict[Step, Callable[[Mask, NDArray[np.float32], Postprocessing, Subject], Mask]] = {
    "threshold": _threshold,
    "remove_small": _remove_small,
    "keep_biggest": _keep_biggest,
    "near_lesion": _near_lesion,
    "grow": _grow,
    "fill_holes": _fill_holes,
}
