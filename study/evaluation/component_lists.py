"""The components of many masks as one long list, and the trees that they come from.

There is a mask for each setting and case; its number is setting × cases + case. Before `fill_holes`, a mask is a set of
components of {level >= t}: of the threshold's, and after `grow` of the lower threshold's. They are nodes of a tree, and
all that a step needs to know of them (voxels, center of mass) and all that the Dice needs (overlap) are sums that are
known beforehand. `fill_holes` adds the sums of their holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Integers
from study.evaluation.forest import TOTALS, Forest
from study.evaluation.holes import HoleFinder
from study.evaluation.kept import KEPT_FROM, LEVELS, KeptCase

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class Components:
    """The components of many masks, by mask and by node.

    Attributes:
        mask: [n] the number of the mask.
        node: [n] the component of a tree from which this one is made by filling or growing.
        totals: [n, TOTALS] of this one.
        filled: whether `fill_holes` has been done.
    """

    mask: Integers
    node: Integers
    totals: Integers
    filled: bool = False

    @property
    def sizes(self) -> Integers:
        """Voxels of each component [n]."""
        return self.totals[:, 0]

    @property
    def moments(self) -> Integers:
        """Sums of the voxels' coordinates [n, 3]."""
        return self.totals[:, 2:]

    def where(self, keep: NDArray[np.bool_]) -> Components:
        """Those that are kept [n]."""
        return Components(self.mask[keep], self.node[keep], self.totals[keep], self.filled)

    def extreme(self, extreme: np.ufunc, values: NDArray[Number]) -> NDArray[Number]:
        """For each component the smallest or largest of the values [n] in its mask."""
        first = np.flatnonzero(np.diff(self.mask, prepend=-1))
        return np.repeat(extreme.reduceat(values, first), np.diff(first, append=self.mask.size))


class Cuts(NamedTuple):
    """The components above some thresholds.

    Attributes:
        nodes: those of each different threshold, one after the other.
        begin: where those of each different threshold begin; ends with the number of all.
        which: the different threshold that each of the thresholds is.
    """

    nodes: Integers
    begin: Integers
    which: Integers


class CaseTrees:
    """The component trees of many cases, and what steps read of the cases.

    Attributes:
        forest: the trees.
        holes: finds the holes of components.
        count: number of cases, C.
        voxel_volume_ml: [C].
        spacing_mm: [C, 3].
        lesion: [C, 3], the lesion's center of mass in voxels; nan where there is none.
    """

    def __init__(self, kept: Sequence[KeptCase], lowest: float) -> None:
        """Build the trees for thresholds from `lowest` on."""
        self._lowest = int(levels_of([lowest])[0])
        self.forest = Forest(kept, self._lowest)
        self.holes = HoleFinder(self.forest)
        self.count = len(kept)
        self.voxel_volume_ml = np.array([case.voxel_volume_ml for case in kept])
        self.spacing_mm = np.array([case.spacing_mm for case in kept])
        self.lesion = np.array([case.lesion or (np.nan,) * 3 for case in kept])

    def setting_of(self, components: Components) -> Integers:
        """The setting [n] whose mask each component is in."""
        return components.mask // self.count

    def setting_and_case_of(self, components: Components) -> tuple[Integers, Integers]:
        """The setting and the case [n] whose mask each component is in."""
        setting, case = np.divmod(components.mask, self.count)
        return setting, case

    def levels(self, thresholds: Sequence[float]) -> Integers:
        """The lowest kept levels that thresholds let pass.

        Raises:
            ValueError: a threshold is below the lowest one announced.
        """
        levels = levels_of(thresholds)
        if levels.min() < self._lowest:
            raise ValueError(f"thresholds must be at least {self._lowest / 1000}, got {min(thresholds)}")
        return levels

    def cuts(self, thresholds: Sequence[float]) -> Cuts:
        """The components above each threshold."""
        levels, which = np.unique(self.levels(thresholds), return_inverse=True)
        cuts = [self.forest.cut(level) for level in levels.tolist()]
        begin = np.cumsum([0, *(cut.size for cut in cuts)])
        return Cuts(np.concatenate(cuts), begin, which)


def no_components() -> Components:
    """Of empty masks."""
    none = np.zeros(0, dtype=np.int64)
    return Components(none, none, none.reshape(0, TOTALS))


def levels_of(thresholds: Sequence[float]) -> Integers:
    """The lowest kept levels that thresholds let pass, at least the first above 0."""
    return np.maximum(np.searchsorted(LEVELS, np.array(thresholds, dtype=np.float32)), KEPT_FROM)
