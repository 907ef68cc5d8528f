"""The chain of post-processing under thousands of settings, exactly, by arithmetic on components.

Before `fill_holes`, a mask is a set of components of {level >= t}: of the threshold's, and after `grow` of the lower
threshold's. They are nodes of a tree, and all that a step asks of them (voxels, center of mass) and that the Dice
asks (overlap) are sums known beforehand. `fill_holes` adds the sums of their holes, and drops components that lie
in a hole of another one; `holes.py` says why that is exact, and that a filled component grows to the component of the
lower threshold around it and what of its holes this does not hold.

All masks, one for each setting and case, are treated at once: their components are one long list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from study.config import Postprocessing, Step
from study.evaluation.component_tree import Integers
from study.evaluation.forest import TOTALS, Forest
from study.evaluation.holes import HoleFinder
from study.evaluation.kept import KEPT_FROM, LEVELS, KeptCase
from study.evaluation.metrics import EMPTY_DICE, EmptyDice
from study.evaluation.postprocessing import ROUNDING, Values, lesion_distances, min_of_largest

Number = TypeVar("Number", np.int64, np.float64)
AT_ONCE = 2**16  # components in the list at a time, as many as fit into a CPU's cache


@dataclass(frozen=True)
class _Parts:
    """The components of many masks, by mask and by node.

    Attributes:
        mask: [n] setting × cases + case.
        node: [n] the component of which this one is made, by filling or growing.
        totals: [n, TOTALS] of this one.
        filled: `fill_holes` has been done.
    """

    mask: Integers
    node: Integers
    totals: Integers
    filled: bool = False

    def where(self, keep: NDArray[np.bool_]) -> _Parts:
        return _Parts(self.mask[keep], self.node[keep], self.totals[keep], self.filled)


class FastChain:
    """The Dice of kept cases after `postprocess` of their kept maps, to the last bit."""

    def __init__(
        self,
        kept: Sequence[KeptCase],
        lowest: float,
        empty_dice: EmptyDice,
    ) -> None:
        """Build the trees.

        Args:
            kept: the cases.
            lowest: no threshold that will be asked for is below this one.
            empty_dice: Dice where reference and prediction are empty.
        """
        self._lowest = int(levels_of([lowest])[0])
        self._forest = Forest(kept, self._lowest)
        self._holes = HoleFinder(self._forest)
        self._cases = len(kept)
        self._n_reference = np.array([np.count_nonzero(case.reference) for case in kept], dtype=np.int64)
        self._empty_dice = EMPTY_DICE[empty_dice]
        self._voxel_volume_ml = np.array([case.voxel_volume_ml for case in kept])
        self._spacing_mm = np.array([case.spacing_mm for case in kept])
        self._lesion = np.array([case.lesion or (np.nan,) * 3 for case in kept])
        self._steps: dict[Step, Callable[[_Parts, Sequence[Postprocessing]], _Parts]] = {
            "remove_small": self._remove_small,
            "keep_biggest": self._keep_biggest,
            "near_lesion": self._near_lesion,
            "grow": self._grow,
            "fill_holes": self._fill_holes,
        }

    def dice(self, settings: Sequence[Postprocessing]) -> Values:
        """The Dice [S, C] of each case under each of the settings."""
        overlap, predicted = self.counts(settings)
        total = predicted + self._n_reference
        return np.where(total > 0, 2 * overlap / np.maximum(total, 1), self._empty_dice)

    def counts(self, settings: Sequence[Postprocessing]) -> tuple[Integers, Integers]:
        """The voxels in both masks, and those of the prediction, [S, C] each.

        Raises:
            ValueError: a threshold is below the lowest one announced.
        """
        counts = np.zeros((2, len(settings), self._cases), dtype=np.int64)
        for members in self._lots(settings):
            lot = [settings[member] for member in members]
            parts = self._threshold(lot)
            for step in lot[0].steps[1:]:
                if parts.mask.size:
                    parts = self._steps[step](parts, lot)
            for row, column in ((0, 1), (1, 0)):
                sums = np.bincount(parts.mask, parts.totals[:, column], len(lot) * self._cases)
                counts[row, members] = sums.reshape(len(lot), self._cases)
        return counts[0], counts[1]

    def _lots(self, settings: Sequence[Postprocessing]) -> Iterator[list[int]]:
        """The settings in lots with the same steps, small enough for memory."""
        by_steps = defaultdict(list)
        for number, setting in enumerate(settings):
            by_steps[setting.steps].append(number)
        for numbers in by_steps.values():
            levels = self._levels([settings[number].threshold for number in numbers])
            sizes = [self._forest.cut(level).size + self._cases for level in levels.tolist()]
            splits = np.flatnonzero(np.diff(np.cumsum(sizes) // AT_ONCE)) + 1
            for lot in np.split(np.array(numbers), splits):
                yield lot.tolist()

    def _levels(self, thresholds: Sequence[float]) -> Integers:
        levels = levels_of(thresholds)
        if levels.min() < self._lowest:
            raise ValueError(f"thresholds must be at least {self._lowest / 1000}, got {min(thresholds)}")
        return levels

    def _cuts(self, thresholds: Sequence[float]) -> tuple[Integers, Integers, Integers]:
        """The components above each different threshold, where those of each begin, and which of these is whose."""
        levels, which = np.unique(self._levels(thresholds), return_inverse=True)
        cuts = [self._forest.cut(level) for level in levels.tolist()]
        begin = np.cumsum([0, *(cut.size for cut in cuts)])
        return np.concatenate(cuts), begin, which

    def _threshold(self, settings: Sequence[Postprocessing]) -> _Parts:
        nodes, begin, which = self._cuts([setting.threshold for setting in settings])
        lengths = np.diff(begin)[which]
        order = np.repeat(begin[which] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        node = nodes[order]
        case = np.searchsorted(self._forest.first, node, side="right") - 1
        mask = np.repeat(np.arange(len(settings)) * self._cases, lengths) + case
        return _Parts(mask, node, self._forest.totals[node])

    def _remove_small(self, parts: _Parts, settings: Sequence[Postprocessing]) -> _Parts:
        voxels = np.array([setting.remove_small.voxels for setting in settings])[:, None]
        ml = np.array([setting.remove_small.ml for setting in settings])[:, None]
        smallest = np.maximum(voxels, np.ceil(ml / self._voxel_volume_ml - ROUNDING))
        return parts.where(parts.totals[:, 0] >= smallest.ravel()[parts.mask])

    def _keep_biggest(self, parts: _Parts, settings: Sequence[Postprocessing]) -> _Parts:
        sizes = parts.totals[:, 0]
        ratio = np.array([setting.keep_biggest.ratio for setting in settings])[parts.mask // self._cases]
        return parts.where(sizes >= min_of_largest(_in_each(np.maximum, parts.mask, sizes), ratio))

    def _near_lesion(self, parts: _Parts, settings: Sequence[Postprocessing]) -> _Parts:
        setting, case = np.divmod(parts.mask, self._cases)
        limits = [setting.near_lesion for setting in settings]
        voxels, mm = (
            np.array([np.inf if limit is None else limit for limit in some])[setting]
            for some in ([limit.voxels for limit in limits], [limit.mm for limit in limits])
        )
        lesion = self._lesion[case]
        sizes, moments = parts.totals[:, 0], parts.totals[:, 2:]
        distances = lesion_distances(sizes, moments, lesion, self._spacing_mm[case])
        distance = np.where(np.isfinite(mm), distances.mm, distances.voxels)
        closest = _in_each(np.minimum, parts.mask, distance)
        closest_voxels = np.where(distance == closest, distances.voxels, np.inf)
        near = distances.voxels <= _in_each(np.minimum, parts.mask, closest_voxels) + voxels
        near &= distance <= closest + mm
        return parts.where(near | np.isnan(lesion[:, 0]))

    def _grow(self, parts: _Parts, settings: Sequence[Postprocessing]) -> _Parts:
        nodes, begin, which = self._cuts([setting.grow.threshold for setting in settings])
        cut = which[parts.mask // self._cases]
        below = self._forest.level.size * np.repeat(np.arange(begin.size - 1), np.diff(begin)) + nodes
        around = nodes[np.searchsorted(below, self._forest.level.size * cut + parts.node, side="right") - 1]
        first = np.flatnonzero((np.diff(parts.mask, prepend=-1) != 0) | (np.diff(around, prepend=-1) != 0))
        totals = self._forest.totals[around[first]]
        if parts.filled:
            levels = self._levels([setting.grow.threshold for setting in settings])
            totals += np.add.reduceat(self._outside(parts.node, levels[parts.mask // self._cases]), first)
        return _Parts(parts.mask[first], around[first], totals, parts.filled)

    def _outside(self, nodes: Integers, levels: Integers) -> Integers:
        """Totals [n, TOTALS] of the voxels in holes of components that are not in what these grow to."""
        outside = np.zeros((nodes.size, TOTALS), dtype=np.int64)
        order = np.argsort(nodes, kind="stable")
        for node, holes in self._holes.of(nodes).items():
            begin, end = np.searchsorted(nodes, [node, node + 1], sorter=order)
            outside[order[begin:end]] = holes.outside(levels[order[begin:end]])
        return outside

    def _fill_holes(self, parts: _Parts, _: Sequence[Postprocessing]) -> _Parts:
        totals = parts.totals + self._holes.totals(parts.node)
        keep = np.ones(parts.mask.size, dtype=np.bool_)
        for node, holes in self._holes.of(parts.node).items():
            if holes.enclosed.size and (inside := np.isin(parts.node, holes.enclosed)).any():
                keep &= ~(inside & np.isin(parts.mask, parts.mask[parts.node == node]))
        return _Parts(parts.mask, parts.node, totals, True).where(keep)


def levels_of(thresholds: Sequence[float]) -> Integers:
    """The lowest kept levels that thresholds let pass, at least the first above 0."""
    return np.maximum(np.searchsorted(LEVELS, np.array(thresholds, dtype=np.float32)), KEPT_FROM)


def _in_each(extreme: np.ufunc, mask: Integers, values: NDArray[Number]) -> NDArray[Number]:
    """The smallest or largest value of each mask, for each of its components."""
    first = np.flatnonzero(np.diff(mask, prepend=-1))
    return np.repeat(extreme.reduceat(values, first), np.diff(first, append=mask.size))
