"""grow: adds the voxels above a lower threshold that are connected to the mask through such voxels (hysteresis).

A component grows to the component of the lower threshold around it. One that is filled keeps its holes besides, as far
as that component does not hold them (`study.evaluation.holes`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Integers, Mask, label_components
from study.evaluation.steps.step import PostprocessingStep, Probability, StepContext


def _apply(mask: Mask, probability: Probability, settings: Postprocessing, _: StepContext) -> Mask:
    labels, count = label_components(mask | (probability >= np.float32(settings.grow.threshold)))
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[labels[mask]] = True
    return np.asarray(touched[labels])


def _on_components(
    components: Components, settings: Sequence[Postprocessing], trees: CaseTrees
) -> Components:
    lower = [setting.grow.threshold for setting in settings]
    cuts, size = trees.cuts(lower), trees.forest.level.size
    setting = trees.setting_of(components)
    cut = cuts.which[setting]
    below = size * np.repeat(np.arange(cuts.begin.size - 1), np.diff(cuts.begin)) + cuts.nodes
    around = cuts.nodes[np.searchsorted(below, size * cut + components.node, side="right") - 1]
    changes = (np.diff(components.mask, prepend=-1) != 0) | (np.diff(around, prepend=-1) != 0)
    first = np.flatnonzero(changes)
    totals = trees.forest.totals[around[first]]
    if components.filled:
        levels = trees.levels(lower)[setting]
        totals += np.add.reduceat(_outside(components.node, levels, trees), first)
    return Components(components.mask[first], around[first], totals, components.filled)


def _outside(nodes: Integers, levels: Integers, trees: CaseTrees) -> Integers:
    """Totals [n, T] of the voxels in holes of components that are not in what these grow to."""
    outside = np.zeros((nodes.size, trees.forest.width), dtype=np.int64)
    order = np.argsort(nodes, kind="stable")
    for node, holes in trees.holes.of(nodes).items():
        begin, end = np.searchsorted(nodes, [node, node + 1], sorter=order)
        outside[order[begin:end]] = holes.outside(levels[order[begin:end]])
    return outside


def _words(settings: Postprocessing) -> str:
    lower = f"{settings.grow.threshold:.3g}"
    return f"voxels with a probability of at least {lower} that are connected to these are added"


STEP = PostprocessingStep(_apply, _words, _on_components, thresholds=("grow.threshold",))
