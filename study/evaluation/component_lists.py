"""The components of many masks as one long list, and the trees that they come from.

There is a mask for each setting and case; its number is setting × cases + case. Before `fill_holes`, a mask is a set of
components of {level >= t}: of the threshold's, and after `grow` of the lower threshold's. They are nodes of a tree, and
all that a step needs to know of them (voxels, center of mass) and all that the Dice needs (overlap) are sums that are
known beforehand. `fill_holes` adds the sums of their holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from study.evaluation.component_tree import ComponentTree
from study.evaluation.components import Integers
from study.evaluation.forest import TOTALS, Forest
from study.evaluation.holes import HoleFinder
from study.evaluation.images import Bound
from study.evaluation.kept import KEPT_FROM, LEVELS, KeptCase
from study.imaging.values import Thousandths

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True)
class Components:
    """The components of many masks, by mask and by node.

    Attributes:
        mask: [n] the number of the mask.
        node: [n] the component of a tree from which this one is made by filling or growing.
        totals: [n, T] of this one.
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
        return self.totals[:, 2:TOTALS]

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


class Voxels(NamedTuple):
    """The voxels of all cases that have an image, as far as trees hold them.

    Attributes:
        level: [V] of the probability.
        value: int16 [V] of the image in thousandths.
        node: [V] the innermost component that each is in, ascending.
    """

    level: Integers
    value: Thousandths
    node: Integers


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

    def __init__(self, kept: Sequence[KeptCase], lowest: float, like: Forest | None = None) -> None:
        """Build the trees for thresholds from `lowest` on; those of the very same cases are taken from `like`."""
        self._given_lowest = lowest
        self._lowest = int(levels_of([lowest])[0])
        self._within: dict[Bound, CaseTrees] = {}
        self._voxels: dict[str, Voxels] = {}
        self.forest = Forest(kept, self._lowest, like)
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

    def within(self, bound: Bound) -> CaseTrees:
        """The trees of the same cases, of the voxels within a bound; of all voxels where the image is not given."""
        if bound not in self._within:
            pairs = zip(self.forest.kept, self.forest.trees, strict=True)
            cases = [_within(case, tree, bound) for case, tree in pairs]
            self._within[bound] = CaseTrees(cases, self._given_lowest, self.forest)
        return self._within[bound]

    def have(self, modality: str) -> NDArray[np.bool_]:
        """Whether each case [C] has an image."""
        return np.array([case.image(modality) is not None for case in self.forest.kept], dtype=np.bool_)

    def voxels(self, modality: str) -> Voxels:
        """The voxels of the cases that have an image."""
        if modality not in self._voxels:
            none = np.zeros(0, np.int64)
            found = [Voxels(none, none.astype(np.int16), none)]
            for first, tree, case in zip(
                self.forest.first, self.forest.trees, self.forest.kept, strict=False
            ):
                if (image := case.image(modality)) is not None:
                    nodes = np.repeat(np.arange(tree.level.size), np.diff(tree.start))
                    values = image.values.ravel()[tree.voxels]
                    found.append(Voxels(tree.level[nodes], values, nodes + first))
            levels, all_values, all_nodes = (np.concatenate(part) for part in zip(*found, strict=True))
            self._voxels[modality] = Voxels(levels, all_values, all_nodes)
        return self._voxels[modality]

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


def _within(case: KeptCase, tree: ComponentTree, bound: Bound) -> KeptCase:
    """The case without the probabilities outside of a bound; itself where the image is not given."""
    image = case.image(bound.modality)
    if image is None:
        return case
    voxels = tree.voxels[bound.holds(image.values.ravel()[tree.voxels])]
    levels = np.zeros_like(case.levels)
    levels.flat[voxels] = case.levels.flat[voxels]
    return replace(case, levels=levels)


def no_components() -> Components:
    """Of empty masks."""
    none = np.zeros(0, dtype=np.int64)
    return Components(none, none, none.reshape(0, TOTALS))


def levels_of(thresholds: Sequence[float]) -> Integers:
    """The lowest kept levels that thresholds let pass, at least the first above 0."""
    return np.maximum(np.searchsorted(LEVELS, np.array(thresholds, dtype=np.float32)), KEPT_FROM)
