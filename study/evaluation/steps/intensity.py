"""intensity: removes components whose mean of an image is out of range.

The mean is over those voxels of a component that have a value; a component without any is kept. The step is skipped
for a subject that is not given the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Integers, Mask, label_components
from study.evaluation.images import in_thousandths, shown_value
from study.evaluation.steps.step import PostprocessingStep, Probability, StepContext
from study.imaging.values import NO_VALUE


def _apply(mask: Mask, _: Probability, settings: Postprocessing, context: StepContext) -> Mask:
    values = context.values(settings.intensity.modality)
    if values is None or not mask.any():
        return mask
    labels, count = label_components(mask)
    known = mask & (values != NO_VALUE)
    owners = labels[known].astype(np.intp)
    numbers = np.bincount(owners, minlength=count + 1)
    sums = np.zeros(count + 1, dtype=np.int64)
    np.add.at(sums, owners, values[known])
    low, high = _limits(settings)
    keep = _in_range(numbers, sums, np.int64(low), np.int64(high))
    keep[0] = False
    return np.asarray(keep[labels])


def _on_components(
    components: Components, settings: Sequence[Postprocessing], trees: CaseTrees
) -> Components:
    setting = trees.setting_of(components)
    keep = np.ones(setting.size, dtype=np.bool_)
    low, high = np.array([_limits(one) for one in settings], dtype=np.int64).T
    names = np.array([one.intensity.modality for one in settings])
    for name in set(names.tolist()) & set(trees.forest.images):
        rows, column = np.flatnonzero(names[setting] == name), trees.forest.column(name)
        numbers, sums = components.totals[rows, column], components.totals[rows, column + 1]
        keep[rows] = _in_range(numbers, sums, low[setting[rows]], high[setting[rows]])
    return components.where(keep)


def _limits(settings: Postprocessing) -> tuple[int, int]:
    """The lowest and the highest mean in thousandths; beyond all values where there is no limit."""
    low, high = settings.intensity.low, settings.intensity.high
    return (
        NO_VALUE if low is None else in_thousandths(low),
        -NO_VALUE if high is None else in_thousandths(high),
    )


def _in_range(numbers: Integers, sums: Integers, low: Integers | np.int64, high: Integers | np.int64) -> Mask:
    """Whether means lie within limits, in whole numbers; true without any value."""
    return np.asarray((sums >= low * numbers) & (sums <= high * numbers))


def _words(settings: Postprocessing) -> str:
    limits = settings.intensity
    named = (("below", limits.low), ("above", limits.high))
    ends = [f"{side} {shown_value(limits.modality, end)}" for side, end in named if end is not None]
    return (
        f"components whose mean {limits.modality} is {' or '.join(ends)} are removed; "
        f"skipped where {limits.modality} is not given"
    )


STEP = PostprocessingStep(_apply, _words, _on_components, image="intensity.modality")
