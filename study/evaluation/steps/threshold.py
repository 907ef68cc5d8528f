"""threshold: the voxels with a probability of at least the threshold; always the first step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Mask
from study.evaluation.steps.step import PostprocessingStep, Probability, StepContext


def _apply(mask: Mask, probability: Probability, settings: Postprocessing, _: StepContext) -> Mask:
    return probability >= np.float32(settings.threshold)


def _on_components(_: Components, settings: Sequence[Postprocessing], trees: CaseTrees) -> Components:
    forest, cuts = trees.forest, trees.cuts([setting.threshold for setting in settings])
    lengths = np.diff(cuts.begin)[cuts.which]
    order = np.repeat(cuts.begin[cuts.which] - np.cumsum(lengths) + lengths, lengths) + np.arange(
        lengths.sum()
    )
    node = cuts.nodes[order]
    case = np.searchsorted(forest.first, node, side="right") - 1
    mask = np.repeat(np.arange(len(settings)) * trees.count, lengths) + case
    return Components(mask, node, forest.totals[node])


def _words(settings: Postprocessing) -> str:
    return f"voxels with a probability of at least {settings.threshold:.3g} are taken"


STEP = PostprocessingStep(_apply, _words, _on_components, thresholds=("threshold",))
