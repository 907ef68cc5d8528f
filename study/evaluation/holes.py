"""The holes of components, looked for when they are first asked for.

Why filling is arithmetic on components, too. Two voxels that are 26-neighbours lie in a block of 2×2×2, in which all
voxels are 26-neighbours. If a component C parts the two, in that no path of face neighbours around C joins them, then
a voxel of C is in that block and touches both. Hence, for components C and C' of one mask:

- C' lies within one hole of C, or outside of C and its holes, as otherwise it would touch C.
- C and C' with their holes do not touch, unless one of them lies in a hole of the other, for the same reason.
- Each hole of the mask lies in a hole of one component, as what walls off a 6-connected set is 26-connected
  (Timar 2013, Proceedings of the American Mathematical Society 141:2). The filled mask is therefore the union of
  the filled components, and its components are those of them that lie in no hole of another.
- A component of {level >= low} that touches a hole of C, but does not hold C, lies within that hole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from study.evaluation.component_tree import Integers
from study.evaluation.forest import TOTALS, Forest, running_totals, totals_of_voxels
from study.evaluation.postprocessing import fill_holes

FEWEST_AROUND_A_HOLE = 6  # the face neighbours of a voxel


class Holes(NamedTuple):
    """The holes of one component.

    Attributes:
        totals: [TOTALS] of all their voxels.
        enclosed: nodes in them that can be components at the same threshold as this one.
        joined: [n] the levels at which voxels of them become one component with this one, ascending; -1 for never.
        running: [n + 1, TOTALS] of the voxels that do so at the first 0, 1, … n of these levels.
    """

    totals: Integers
    enclosed: Integers
    joined: Integers
    running: Integers

    def outside(self, level: Integers) -> Integers:
        """Totals [..., TOTALS] of the voxels in holes that are not in what this component grows to at a level."""
        return self.running[np.searchsorted(self.joined, level)]


class HoleFinder:
    """The holes of all components of a forest."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._row = np.full(forest.level.size, -1, dtype=np.int64)  # in `_totals`; -1: not looked for yet
        self._totals = np.zeros((1, TOTALS), dtype=np.int64)  # row 0: no holes
        self._holes: dict[int, Holes] = {}
        self._places: dict[int, tuple[Integers, Integers]] = {}

    def totals(self, nodes: Integers) -> Integers:
        """Totals [n, TOTALS] of the holes of components."""
        unknown = np.unique(nodes[self._row[nodes] < 0])
        found = {node: holes for node in unknown.tolist() if (holes := self._find(node)) is not None}
        self._row[unknown] = 0
        if found:
            self._row[list(found)] = len(self._totals) + np.arange(len(found))
            self._totals = np.concatenate([self._totals, [holes.totals for holes in found.values()]])
            self._holes |= found
        return self._totals[self._row[nodes]]

    def of(self, nodes: Integers) -> dict[int, Holes]:
        """The holes of those of the components that have any; `totals` must have been asked for them before."""
        return {node: self._holes[node] for node in np.unique(nodes[self._row[nodes] > 0]).tolist()}

    def _find(self, node: int) -> Holes | None:
        forest = self._forest
        if forest.totals[node, 0] < FEWEST_AROUND_A_HOLE:
            return None
        number = int(np.searchsorted(forest.first, node, side="right")) - 1
        case, first = forest.kept[number], int(forest.first[number])
        voxels = _holes_of(forest.trees[number].within(node - first), case.levels.shape)
        if voxels.size == 0:
            return None
        nodes = self._nodes_of(number, voxels)
        joined = self._joined(first, node, nodes)
        order = np.argsort(joined)
        running = running_totals(totals_of_voxels(case, voxels[order]))
        levels, places = np.unique(joined[order], return_index=True)
        enclosed = np.unique(nodes[nodes >= 0])
        enclosed = enclosed[forest.level[enclosed] > forest.below[node]]
        return Holes(running[-1], enclosed, levels, running[np.append(places, voxels.size)])

    def _nodes_of(self, number: int, voxels: Integers) -> Integers:
        """For voxels of a case, the innermost nodes that they are in; -1 below the lowest level."""
        tree = self._forest.trees[number]
        if number not in self._places:
            order = np.argsort(tree.voxels)
            nodes = np.repeat(np.arange(tree.level.size), np.diff(tree.start)) + self._forest.first[number]
            self._places[number] = tree.voxels[order], nodes[order]
        known, nodes = self._places[number]
        place = np.minimum(np.searchsorted(known, voxels), known.size - 1)
        return np.where(known[place] == voxels, nodes[place], -1)

    def _joined(self, first: int, node: int, nodes: Integers) -> Integers:
        """The highest level at which a node of a tree and each of others are in one component; -1 for none."""
        forest = self._forest
        around = first + np.flatnonzero(forest.end[first : node + 1] > node)  # from the outermost inwards
        shared = np.minimum(
            np.searchsorted(around, nodes, side="right"),  # those that begin before each of the others
            np.searchsorted(-forest.end[around], -nodes),  # those that end after it
        )
        return np.asarray(np.append(forest.level[around], -1)[shared - 1])


def _holes_of(voxels: Integers, shape: tuple[int, ...]) -> Integers:
    """The voxels in the holes of a component, both as flat indices of a map of that shape."""
    places = np.unravel_index(voxels, shape)
    corner = [int(axis.min()) for axis in places]
    mask = np.zeros([int(axis.max()) - low + 1 for axis, low in zip(places, corner, strict=True)], np.bool_)
    if min(mask.shape) < 3:
        return voxels[:0]
    mask[tuple(axis - low for axis, low in zip(places, corner, strict=True))] = True
    holes = np.nonzero(fill_holes(mask) & ~mask)
    places = tuple(axis + low for axis, low in zip(holes, corner, strict=True))
    return np.asarray(np.ravel_multi_index(places, shape))
