"""The components of a map above every threshold, as one tree.

A node is a component of {level >= its own level} that contains a voxel of exactly that level; its children are the
components into which it splits above that level. The components above a threshold are the nodes at or above it whose
parent is below it. (Max-tree: Salembier 1998, IEEE Transactions on Image Processing 7:4; built from a spanning tree by
union-find: Najman and Couprie 2006, IEEE Transactions on Image Processing 15:11.)

Nodes are numbered depth first. The descendants of a node are therefore a range of nodes, and its voxels a range of the
voxels sorted by node, so that sums over components are differences of running sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Integers

FORWARD = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]  # half of the 26 neighbours


@dataclass(frozen=True)
class ComponentTree:
    """The 26-connected components of a map's voxels at or above a lowest level.

    Attributes:
        level: [N] of each node, above its parent's.
        below: [N] level of the parent; -1 for a root.
        end: [N] the first node after a node's descendants.
        voxels: [V] flat indices (C order), sorted by node.
        start: [N + 1] where the voxels begin that are in a node and in none of its children; ends with V.
    """

    level: Integers
    below: Integers
    end: Integers
    voxels: Integers
    start: Integers

    def within(self, node: int) -> Integers:
        """The flat indices of all voxels of a component."""
        return self.voxels[self.start[node] : self.start[self.end[node]]]


def build_tree(levels: NDArray[np.uint16], lowest: int) -> ComponentTree:
    """The tree of a map [D, H, W] at and above a lowest level, which is at least 1."""
    voxels = np.flatnonzero(levels >= lowest)
    level = levels.ravel()[voxels].astype(np.int64)
    up = _merge(level, *_spanning_edges(level, *_touching(voxels, levels.shape)))
    chosen, node_of = np.unique(_ends_of_plateaus(level, up), return_inverse=True)  # one voxel per node
    level, parent = level[chosen], node_of[up[chosen]]
    number, end = _number_depth_first(level, parent)
    below = np.where(parent == np.arange(parent.size), -1, level[parent])
    old, node_of = np.argsort(number), number[node_of]
    order = np.argsort(node_of, kind="stable")
    start = np.searchsorted(node_of[order], np.arange(chosen.size + 1))
    return ComponentTree(level[old], below[old], end[old], voxels[order], start)


def _touching(voxels: Integers, shape: tuple[int, ...]) -> tuple[Integers, Integers]:
    """The pairs of given voxels that are 26-neighbours, each once, as positions in their list."""
    places = np.unravel_index(voxels, shape)
    # In the box of the voxels with a border of one voxel, so that every neighbour lies in it.
    corner = [axis.min(initial=side) - 1 for axis, side in zip(places, shape, strict=True)]
    axes = [axis - low for axis, low in zip(places, corner, strict=True)]
    depth, rows, columns = (int(axis.max(initial=0)) + 2 for axis in axes)
    at = np.ravel_multi_index(tuple(axes), (depth, rows, columns))
    place = np.full(depth * rows * columns, -1, dtype=np.int64)
    place[at] = np.arange(voxels.size)
    neighbours = [place[at + (z * rows + y) * columns + x] for z, y, x in FORWARD]
    there = [neighbour >= 0 for neighbour in neighbours]
    return (
        np.concatenate([np.flatnonzero(some) for some in there]),
        np.concatenate([neighbour[some] for neighbour, some in zip(neighbours, there, strict=True)]),
    )


def _spanning_edges(level: Integers, one: Integers, other: Integers) -> tuple[Integers, Integers]:
    """The edges of a spanning forest that joins voxels at the highest possible level, highest first."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    if one.size == 0:
        return one, other
    weight = level.max() + 1 - np.minimum(level[one], level[other])
    graph = csr_array((weight.astype(np.float64), (one, other)), shape=(level.size, level.size))
    forest = minimum_spanning_tree(graph, overwrite=True).tocoo()
    order = np.argsort(forest.data, kind="stable")
    return forest.row[order], forest.col[order]


def _merge(level: Integers, one: Integers, other: Integers) -> Integers:
    """The parent of each voxel, of the same or a lower level; the root of a component is its own parent.

    Components are joined from the highest level down; each is represented by a voxel of its lowest level.
    """
    heights = level.tolist()
    up = list(range(level.size))
    representative = up.copy()
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        while representative[a] != a:
            representative[a] = a = representative[representative[a]]
        while representative[b] != b:
            representative[b] = b = representative[representative[b]]
        if heights[a] > heights[b]:
            a, b = b, a
        up[b] = representative[b] = a
    return np.array(up, dtype=np.int64)


def _ends_of_plateaus(level: Integers, up: Integers) -> Integers:
    """For each voxel its last ancestor of the same level, which is the same for all voxels of a node."""
    end = np.where(level[up] == level, up, np.arange(up.size))
    while not np.array_equal(further := end[end], end):
        end = further
    return end


def _number_depth_first(level: Integers, parent: Integers) -> tuple[Integers, Integers]:
    """A number for each node, followed by those of its descendants, and the number after the last descendant's."""
    parents_first = np.argsort(level, kind="stable").tolist()
    parents = parent.tolist()
    size = [1] * parent.size
    for node in reversed(parents_first):
        if parents[node] != node:
            size[parents[node]] += size[node]
    number, free = [0] * parent.size, [0] * parent.size  # free: the next number for a descendant
    roots = 0
    for node in parents_first:
        above = parents[node]
        if above == node:
            number[node], roots = roots, roots + size[node]
        else:
            number[node], free[above] = free[above], free[above] + size[node]
        free[node] = number[node] + 1
    numbers = np.array(number, dtype=np.int64)
    return numbers, numbers + np.array(size, dtype=np.int64)
