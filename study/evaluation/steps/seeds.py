"""seeds: takes what grows from seeds, all within bounds of an image, in the place of the mask.

Seeds are the voxels of the mask with a probability of at least `threshold` whose value is within `bound`. They grow
through all voxels with a probability of at least `grow_threshold` whose value is within `grow_bound`. What no seed is
connected to is removed. The step is skipped for a subject that is not given the image.

A search treats the components within `grow_bound` as trees of their own (`CaseTrees.within`), of which only those with
a seed are taken. It builds trees for each value of `grow_bound`, so that it rounds bounds to multiples of 0.05.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Integers, Mask, label_components
from study.evaluation.images import Bound, shown_bound
from study.evaluation.steps.step import PostprocessingStep, Probability, StepContext


def _apply(mask: Mask, probability: Probability, settings: Postprocessing, context: StepContext) -> Mask:
    seeds, values = settings.seeds, context.values(settings.seeds.modality)
    if values is None:
        return mask
    sure = mask & (probability >= np.float32(seeds.threshold)) & _bound(settings).holds(values)
    around = (probability >= np.float32(seeds.grow_threshold)) & _region(settings).holds(values)
    labels, count = label_components(around)
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[labels[sure]] = True
    touched[0] = False
    return np.asarray(touched[labels])


def _on_components(
    components: Components, settings: Sequence[Postprocessing], trees: CaseTrees
) -> Components:
    modality, forest = settings[0].seeds.modality, trees.forest  # the same of all, as their region is
    _, case = trees.setting_and_case_of(components)
    skipped = components.where(~trees.have(modality)[case])
    cuts = trees.cuts([setting.seeds.grow_threshold for setting in settings])
    grown = []
    for setting, which in zip(settings, cuts.which, strict=True):
        cut = cuts.nodes[cuts.begin[which] : cuts.begin[which + 1]]
        place = np.searchsorted(cut, _seeds(setting, trees), side="right") - 1
        grown.append(cut[np.unique(place)])
    node = np.concatenate([skipped.node, *grown])
    number = np.repeat(np.arange(len(settings)), [nodes.size for nodes in grown])
    case = np.searchsorted(forest.first, node[skipped.node.size :], side="right") - 1
    mask = np.concatenate([skipped.mask, number * trees.count + case])
    order = np.argsort(mask, kind="stable")
    return Components(mask[order], node[order], forest.totals[node[order]])


def _seeds(settings: Postprocessing, trees: CaseTrees) -> Integers:
    """The innermost components with a seed, of the trees within `grow_bound`."""
    seeds = settings.seeds
    voxels = trees.voxels(seeds.modality)
    level = trees.levels([settings.threshold, seeds.threshold, seeds.grow_threshold]).max()
    return np.unique(voxels.node[(voxels.level >= level) & _bound(settings).holds(voxels.value)])


def _bound(settings: Postprocessing) -> Bound:
    seeds = settings.seeds
    return Bound.of(seeds.modality, seeds.side, seeds.bound)


def _region(settings: Postprocessing) -> Bound:
    seeds = settings.seeds
    return Bound.of(seeds.modality, seeds.side, seeds.grow_bound)


def _words(settings: Postprocessing) -> str:
    seeds = settings.seeds
    inner, outer = (shown_bound(seeds.modality, seeds.side, one) for one in (seeds.bound, seeds.grow_bound))
    return (
        f"of these, voxels with a probability of at least {seeds.threshold:.3g} and {seeds.modality} {inner} are "
        f"seeds; taken is what is connected to a seed through a probability of at least {seeds.grow_threshold:.3g} "
        f"and {seeds.modality} {outer}; skipped where {seeds.modality} is not given"
    )


STEP = PostprocessingStep(
    _apply,
    _words,
    _on_components,
    thresholds=("seeds.threshold", "seeds.grow_threshold"),
    image="seeds.modality",
    region=_region,
    rounded={"seeds.bound": 0.05, "seeds.grow_bound": 0.05},
)
