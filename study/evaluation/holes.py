"""The holes of components, found when they are first needed.

Filling is arithmetic on components, too, for the following reasons. Two voxels that are 26-neighbours lie in a block of
2×2×2, in which all voxels are 26-neighbours. If a component C separates the two, so that no path of face neighbours
around C joins them, then a voxel of C is in that block and touches both. Hence, for components C and C' of one mask:

- C' lies within one hole of C, or outside of C and its holes; otherwise it would touch C.
- C and C' with their holes do not touch, unless one of them lies in a hole of the other, for the same reason.
- Each hole of the mask lies in a hole of one component, because what encloses a 6-connected set is 26-connected
  (Timar 2013, Proceedings of the American Mathematical Society 141:2). The filled mask is therefore the union of the
  filled components, and its components are those that lie in no hole of another one.
- A component of {level >= low} that touches a hole of C, but does not contain C, lies within that hole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from study.evaluation.components import Integers, fill_holes
from study.evaluation.forest import Forest, running_totals

FEWEST_AROUND_A_HOLE = 6  # the face neighbours of a voxel


class Holes(NamedTuple):
    """The holes of one component.

    Attributes:
        totals: [T] of all their voxels.
        enclosed: nodes in the holes that can be components at the same threshold as this one.
        joined: [n] the levels at which voxels of the holes join this component, ascending; -1 for never.
        running: [n + 1, T] of the voxels that join at the first 0, 1, … n of these levels.
    """

    totals: Integers
    enclosed: Integers
    joined: Integers
    running: Integers

    def outside(self, level: Integers) -> Integers:
        """Totals [..., T] of the hole voxels that this component does not reach by growing to a level."""
        return self.running[np.searchsorted(self.joined, level)]


class HoleFinder:
    """The holes of all components of a forest."""

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._row = np.full(forest.level.size, -1, dtype=np.int64)  # in `_totals`; -1: not searched yet
        self._totals = np.zeros((1, forest.width), dtype=np.int64)  # row 0: no holes
        self._holes: dict[int, Holes] = {}
        self._places: dict[int, tuple[Integers, Integers]] = {}

    def totals(self, nodes: Integers) -> Integers:
        """Totals [n, T] of the holes of components."""
        unknown = np.unique(nodes[self._row[nodes] < 0])
        found = {node: holes for node in unknown.tolist() if (holes := self._find(node)) is not None}
        self._row[unknown] = 0
        if found:
            self._row[list(found)] = len(self._totals) + np.arange(len(found))
            self._totals = np.concatenate([self._totals, [holes.totals for holes in found.values()]])
            self._holes |= found
        return self._totals[self._row[nodes]]

    def of(self, nodes: Integers) -> dict[int, Holes]:
        """The holes of the components that have any; `totals` must have been called with them before."""
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
        running = running_totals(forest.totals_of_voxels(case, voxels[order]))
        levels, places = np.unique(joined[order], return_index=True)
        enclosed = np.unique(nodes[nodes >= 0])
        enclosed = enclosed[forest.level[enclosed] > forest.below[node]]
        return Holes(running[-1], enclosed, levels, running[np.append(places, voxels.size)])

    def _nodes_of(self, number: int, voxels: Integers) -> Integers:
        """The innermost node of each voxel of a case; -1 below the lowest level."""
        tree = self._forest.trees[number]
        if number not in self._places:
            order = np.argsort(tree.voxels)
            nodes = np.repeat(np.arange(tree.level.size), np.diff(tree.start)) + self._forest.first[number]
            self._places[number] = tree.voxels[order], nodes[order]
        known, nodes = self._places[number]
        place = np.minimum(np.searchsorted(known, voxels), known.size - 1)
        return np.where(known[place] == voxels, nodes[place], -1)

    def _joined(self, first: int, node: int, nodes: Integers) -> Integers:
        """The highest level at which a node and each of the others are in one component; -1 for none."""
        forest = self._forest
        around = first + np.flatnonzero(forest.end[first : node + 1] > node)  # outermost first
        shared = np.minimum(
            np.searchsorted(
                around, nodes, side="right"
            ),  # nodes around this one that begin before each of the others
            np.searchsorted(
                -forest.end[around], -nodes
            ),  # nodes around this one that end after each of the others
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
