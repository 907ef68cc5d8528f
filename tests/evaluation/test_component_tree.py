from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.evaluation.component_tree import build_tree


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    highest=st.sampled_from([1, 3, 1000]),  # few levels: plateaus
    lowest=st.integers(1, 4),
)
def test_the_nodes_of_each_threshold_are_scipys_components(seed, shape, highest, lowest):
    levels = np.random.default_rng(seed).integers(0, highest + 1, shape).astype(np.uint16)
    tree = build_tree(levels, lowest)
    assert tree.voxels.size == (levels >= lowest).sum()
    for level in range(lowest, highest + 2) if highest < 10 else (lowest, 300, 700, 1000):
        labels, count = ndimage.label(levels >= level, np.ones((3, 3, 3)))
        nodes = np.flatnonzero((tree.level >= level) & (tree.below < level))
        found = {frozenset(tree.within(node).tolist()) for node in nodes}
        expected = {frozenset(np.flatnonzero(labels == n).tolist()) for n in range(1, count + 1)}
        assert found == expected


def test_a_drawn_tree():
    # 5 at both ends of a row of 2, on which 4 stands; 3 apart from all.
    levels = np.array([[[5, 2, 4, 2, 5, 0, 3]]], np.uint16)
    tree = build_tree(levels, 1)
    within = {tuple(sorted(tree.within(node).tolist())): node for node in range(tree.level.size)}
    assert set(within) == {(0,), (2,), (4,), (0, 1, 2, 3, 4), (6,)}
    assert tree.level[within[(0, 1, 2, 3, 4)]] == 2
    assert tree.below[within[(2,)]] == 2
    assert tree.below[within[(6,)]] == -1
    outer = within[(0, 1, 2, 3, 4)]
    assert {within[(0,)], within[(2,)], within[(4,)]} == set(range(outer + 1, tree.end[outer]))


@pytest.mark.parametrize("shape", [(0, 0, 0), (2, 3, 4)])
def test_nothing_above_the_lowest_level_is_a_tree_without_nodes(shape):
    tree = build_tree(np.zeros(shape, np.uint16), 1)
    assert tree.level.size == tree.voxels.size == 0
