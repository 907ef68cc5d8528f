"""The steps of the post-processing, by the name that `postprocessing.steps` gives them; one file each.

A step of ours is one file and one line in `study.config.parts`. A step of an installed package is a
`PostprocessingStep` under its entry point `fadeout.steps`; only `apply` and `words` are needed::

    def open_mask(mask, probability, settings, context):
        return ndimage.binary_opening(mask, iterations=settings.settings.opened.voxels)

    OPENED = Part(PostprocessingStep(open_mask, words=lambda settings: "thin bridges are removed"), Opened)
"""

from __future__ import annotations

from study.config.parts import find_part
from study.evaluation.steps.step import PostprocessingStep, StepContext

__all__ = ["PostprocessingStep", "StepContext", "find_step"]


def find_step(name: str) -> PostprocessingStep:
    """The step of this name; raises ValueError if there is none."""
    step: PostprocessingStep = find_part("steps", name)
    return step
