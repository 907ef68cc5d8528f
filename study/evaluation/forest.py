"""The component trees of many cases side by side, with sums over each component."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.evaluation.component_tree import build_tree
from study.evaluation.components import Integers
from study.evaluation.kept import KeptCase

TOTALS = 5  # voxels, voxels in the reference, sums of coordinates along D, H, W on the full grid


class Forest:
    """Trees one after the other: the nodes of each case follow those of the previous case.

    Attributes:
        kept: the cases.
        trees: of each case; nodes are numbered within the tree.
        first: [C + 1] the first node of each case; ends with the number of nodes, N.
        level, below, end: [N] as in `ComponentTree`.
        totals: [N, TOTALS] of each component.
    """

    def __init__(self, kept: Sequence[KeptCase], lowest: int) -> None:
        """Build the trees of all cases at and above the level `lowest`."""
        self.kept = kept
        self.trees = [build_tree(case.levels, lowest) for case in kept]
        none = np.zeros(0, dtype=np.int64)
        self.first = np.cumsum([0, *(tree.level.size for tree in self.trees)])
        self.level = np.concatenate([none, *(tree.level for tree in self.trees)])
        self.below = np.concatenate([none, *(tree.below for tree in self.trees)])
        ends = (tree.end + first for tree, first in zip(self.trees, self.first, strict=False))
        self.end = np.concatenate([none, *ends])
        self.totals = np.zeros((self.level.size, TOTALS), dtype=np.int64)
        for first, tree, case in zip(self.first, self.trees, kept, strict=False):
            running = running_totals(totals_of_voxels(case, tree.voxels))
            own = slice(first, first + tree.level.size)
            self.totals[own] = running[tree.start[tree.end]] - running[tree.start[:-1]]
        self._cuts: dict[int, Integers] = {}

    def cut(self, level: int) -> Integers:
        """The nodes that are the components of {level >= this}, in ascending order."""
        if level not in self._cuts:
            self._cuts[level] = np.flatnonzero((self.level >= level) & (self.below < level))
        return self._cuts[level]


def totals_of_voxels(case: KeptCase, voxels: Integers) -> Integers:
    """Totals [n, TOTALS] of single voxels, given as flat indices of the case's box."""
    totals = np.ones((voxels.size, TOTALS), dtype=np.int64)
    if voxels.size:
        totals[:, 1] = case.reference[case.box].ravel()[voxels]
        places = np.unravel_index(voxels, case.levels.shape)
        totals[:, 2:] = np.stack(places, axis=1) + [side.start for side in case.box]
    return totals


def running_totals(totals: Integers) -> Integers:
    """Sums [n + 1, TOTALS] of the first 0, 1, … n of totals [n, TOTALS]."""
    return np.concatenate([np.zeros((1, TOTALS), dtype=np.int64), np.cumsum(totals, axis=0)])
