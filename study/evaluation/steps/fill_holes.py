"""fill_holes: adds the background that no path of face neighbours connects to the border of the volume.

The filled mask is the union of the filled components, without those that lie in a hole of another one
(`study.evaluation.holes` says why).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Mask, fill_holes
from study.evaluation.steps.step import PostprocessingStep, Probability, StepContext


def _apply(mask: Mask, _: Probability, __: Postprocessing, ___: StepContext) -> Mask:
    return fill_holes(mask)


def _on_components(components: Components, _: Sequence[Postprocessing], trees: CaseTrees) -> Components:
    totals = components.totals + trees.holes.totals(components.node)
    keep = np.ones(components.mask.size, dtype=np.bool_)
    for node, holes in trees.holes.of(components.node).items():
        if holes.enclosed.size and (inside := np.isin(components.node, holes.enclosed)).any():
            keep &= ~(inside & np.isin(components.mask, components.mask[components.node == node]))
    return Components(components.mask, components.node, totals, filled=True).where(keep)


def _words(_: Postprocessing) -> str:
    return "holes are filled"


STEP = PostprocessingStep(_apply, _words, _on_components)
