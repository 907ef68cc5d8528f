"""Patches from arrays, to try augmentations on. Needs no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import SubjectFacts
from study.imaging.prepared import Prepared
from study.imaging.sample import Patch
from study.imaging.volume import Grid

__all__ = ["patch_of"]


def patch_of(image: NDArray[np.float32], target: NDArray[np.uint8]) -> Patch:
    """A patch that covers a whole subject, whose voxels are cubes of 1 mm. Nothing lies beyond it.

    Args:
        image: `[M, D, H, W]`.
        target: `[D, H, W]`.
    """
    depth, height, width = target.shape
    grid = Grid((depth, height, width), np.eye(4))
    foreground = np.argwhere(target).astype(np.int16)
    facts = SubjectFacts("subject")
    prepared = Prepared(facts, image, (True,) * len(image), target, foreground, grid, grid, None)
    return Patch(prepared, (0, 0, 0), grid.shape)
