"""keep_biggest: removes components that are smaller than `ratio` times the largest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Integers, Mask, Values, keep_components
from study.evaluation.steps.step import ROUNDING, PostprocessingStep, Probability, StepContext


def _apply(mask: Mask, _: Probability, settings: Postprocessing, __: StepContext) -> Mask:
    ratio = settings.keep_biggest.ratio
    return keep_components(mask, lambda sizes, _: sizes >= _smallest(sizes.max(), ratio))


def _on_components(
    components: Components, settings: Sequence[Postprocessing], trees: CaseTrees
) -> Components:
    ratio = np.array([setting.keep_biggest.ratio for setting in settings])[trees.setting_of(components)]
    largest = components.extreme(np.maximum, components.sizes)
    return components.where(components.sizes >= _smallest(largest, ratio))


def _words(settings: Postprocessing) -> str:
    ratio = settings.keep_biggest.ratio
    return f"components smaller than {ratio:.3g} times the largest are removed" if ratio > 0 else ""


def _smallest(largest: Integers, ratio: Values | float) -> Values:
    """The size in voxels that reaches `ratio` times the largest."""
    return np.asarray(np.ceil(largest * ratio - ROUNDING))


STEP = PostprocessingStep(_apply, _words, _on_components)
