"""The Dice of one kept case under any post-processing, looked up instead of computed anew."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.config import Postprocessing
from study.evaluation.components import label_components
from study.evaluation.kept import KEPT_FROM, LEVELS, KeptCase
from study.evaluation.metrics import EmptyDice, dice_of_counts
from study.evaluation.postprocessing import min_voxels


class _Components(NamedTuple):
    """The components above one threshold, smallest first."""

    sizes: NDArray[np.int64]  # voxels of each
    predicted: NDArray[np.int64]  # voxels of it and all larger ones; one longer, ending in 0
    overlap: NDArray[np.int64]  # those of them that are in the reference


class DiceLookup:
    """Dice of `postprocess` on a kept case, exactly.

    The components above a threshold are found when it is first asked for; a minimum volume is then a search
    in their sorted sizes.
    """

    def __init__(self, case: KeptCase, empty_dice: EmptyDice) -> None:
        self._levels = case.levels
        self._reference = case.reference[case.box]
        self._n_reference = int(np.count_nonzero(case.reference))
        self._voxel_volume_ml = case.voxel_volume_ml
        self._empty_dice = empty_dice
        self._components: dict[int, _Components] = {}

    def dice(self, settings: Postprocessing) -> float:
        """Dice under these settings; a threshold between two kept levels acts as the upper one."""
        level = level_of(settings.threshold)
        if level not in self._components:
            self._components[level] = self._find(level)
        components = self._components[level]
        smallest = min_voxels(settings.min_volume_ml, self._voxel_volume_ml)
        first = int(np.searchsorted(components.sizes, smallest))
        overlap, predicted = int(components.overlap[first]), int(components.predicted[first])
        return dice_of_counts(overlap, self._n_reference, predicted, self._empty_dice)

    def _find(self, level: int) -> _Components:
        mask = self._levels >= level
        labels, count = label_components(mask) if mask.size else (mask, 0)
        sizes = np.bincount(labels[mask], minlength=count + 1)[1:]
        overlap = np.bincount(labels[mask & self._reference], minlength=count + 1)[1:]
        order = np.argsort(sizes)
        return _Components(sizes[order], _from_each_on(sizes[order]), _from_each_on(overlap[order]))


def level_of(threshold: float) -> int:
    """The lowest kept level that a threshold lets pass, at least that of probability 0.02."""
    return max(int(np.searchsorted(LEVELS, np.float32(threshold))), KEPT_FROM)


def _from_each_on(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(np.cumsum(values[::-1])[::-1], 0)
