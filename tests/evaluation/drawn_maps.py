"""Probability maps and masks that one can draw, for tests of the post-processing."""

from __future__ import annotations

from typing import Any

import numpy as np

from study.config import Postprocessing
from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import StepContext

STEPS = ("remove_small", "keep_biggest", "near_lesion", "grow", "fill_holes")


def chain(*steps: str, **settings: Any) -> Postprocessing:
    return Postprocessing(steps=("threshold", *steps), **settings)


def drawing(*rows: str) -> np.ndarray:
    """One slice [1, H, W] of probabilities in tenths; `.` is 0."""
    return np.array(
        [[[0 if sign == "." else int(sign) / 10 for sign in row] for row in rows]], dtype=np.float32
    )


def drawn(mask: np.ndarray) -> list[str]:
    return ["".join("#" if voxel else "." for voxel in row) for row in mask[0]]


def after(
    probability: np.ndarray,
    settings: Postprocessing,
    *,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    lesion: tuple[float, float, float] | None = None,
) -> list[str]:
    return drawn(postprocess(probability, settings, StepContext(spacing_mm, lesion)))


SIZES = drawing(
    "9999..9",
    "......9",
    "9......",
    "...99..",
)  # 4, 2, 1 and 2 voxels
