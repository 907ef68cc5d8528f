"""The component trees of many cases side by side, with sums over each component."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.evaluation.component_tree import ComponentTree, build_tree
from study.evaluation.components import Integers
from study.evaluation.kept import KeptCase
from study.imaging.values import NO_VALUE

TOTALS = 5  # voxels, voxels in the reference, sums of coordinates along D, H, W on the full grid
# Behind these come, for each image, the voxels that have a value, and the sum of their thousandths.


class Forest:
    """Trees one after the other: the nodes of each case follow those of the previous case.

    Attributes:
        kept: the cases.
        trees: of each case; nodes are numbered within the tree.
        first: [C + 1] the first node of each case; ends with the number of nodes, N.
        level, below, end: [N] as in `ComponentTree`.
        images: the modalities whose values some case keeps, I.
        totals: [N, T] of each component, T = TOTALS + 2 I.
    """

    def __init__(self, kept: Sequence[KeptCase], lowest: int, like: Forest | None = None) -> None:
        """Build the trees of all cases at and above the level `lowest`.

        With `like`, a forest of the same level, those of its cases that are among these are not built again.
        """
        self.kept = kept
        known = {} if like is None else dict(zip(map(id, like.kept), like.trees, strict=True))
        self.trees: list[ComponentTree] = [
            known.get(id(case)) or build_tree(case.levels, lowest) for case in kept
        ]
        none = np.zeros(0, dtype=np.int64)
        self.first = np.cumsum([0, *(tree.level.size for tree in self.trees)])
        self.level = np.concatenate([none, *(tree.level for tree in self.trees)])
        self.below = np.concatenate([none, *(tree.below for tree in self.trees)])
        ends = (tree.end + first for tree, first in zip(self.trees, self.first, strict=False))
        self.end = np.concatenate([none, *ends])
        self.images = tuple(dict.fromkeys(image.modality for case in kept for image in case.images))
        self.totals = np.zeros((self.level.size, self.width), dtype=np.int64)
        for first, tree, case in zip(self.first, self.trees, kept, strict=False):
            running = running_totals(self.totals_of_voxels(case, tree.voxels))
            own = slice(first, first + tree.level.size)
            self.totals[own] = running[tree.start[tree.end]] - running[tree.start[:-1]]
        self._cuts: dict[int, Integers] = {}

    @property
    def width(self) -> int:
        """The number of totals, T."""
        return TOTALS + 2 * len(self.images)

    def cut(self, level: int) -> Integers:
        """The nodes that are the components of {level >= this}, in ascending order."""
        if level not in self._cuts:
            self._cuts[level] = np.flatnonzero((self.level >= level) & (self.below < level))
        return self._cuts[level]

    def totals_of_voxels(self, case: KeptCase, voxels: Integers) -> Integers:
        """Totals [n, T] of single voxels, given as flat indices of the case's box."""
        totals = np.zeros((voxels.size, self.width), dtype=np.int64)
        totals[:, 0] = 1
        if voxels.size:
            totals[:, 1] = case.reference[case.box].ravel()[voxels]
            places = np.unravel_index(voxels, case.levels.shape)
            totals[:, 2:TOTALS] = np.stack(places, axis=1) + [side.start for side in case.box]
            for image in case.images:
                values = image.values.ravel()[voxels]
                known, column = values != NO_VALUE, self.column(image.modality)
                totals[:, column], totals[:, column + 1] = known, np.where(known, values, 0)
        return totals

    def column(self, modality: str) -> int:
        """Where totals have the number of voxels with a value of an image; behind it comes the sum of the values."""
        return TOTALS + 2 * self.images.index(modality)


def running_totals(totals: Integers) -> Integers:
    """Sums [n + 1, T] of the first 0, 1, … n of totals [n, T]."""
    return np.concatenate([np.zeros((1, totals.shape[1]), dtype=np.int64), np.cumsum(totals, axis=0)])
