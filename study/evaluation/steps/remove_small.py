"""remove_small: removes components below a number of voxels or below a volume."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Mask, keep_components
from study.evaluation.steps.step import ROUNDING, PostprocessingStep, Probability, StepContext


def _apply(mask: Mask, _: Probability, settings: Postprocessing, context: StepContext) -> Mask:
    limits = settings.remove_small
    smallest = max(limits.voxels, math.ceil(limits.ml / context.voxel_volume_ml - ROUNDING))
    return keep_components(mask, lambda sizes, _: sizes >= smallest)


def _on_components(
    components: Components, settings: Sequence[Postprocessing], trees: CaseTrees
) -> Components:
    voxels = np.array([setting.remove_small.voxels for setting in settings])[:, None]
    ml = np.array([setting.remove_small.ml for setting in settings])[:, None]
    smallest = np.maximum(voxels, np.ceil(ml / trees.voxel_volume_ml - ROUNDING))
    return components.where(components.sizes >= smallest.ravel()[components.mask])


def _words(settings: Postprocessing) -> str:
    voxels, ml = settings.remove_small.voxels, settings.remove_small.ml
    limits = [f"{voxels} voxels"] * (voxels > 1) + [f"{ml:.3g} mL"] * (ml > 0)
    return f"components below {' or below '.join(limits)} are removed" if limits else ""


STEP = PostprocessingStep(_apply, _words, _on_components)
