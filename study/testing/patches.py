"""Patches from arrays, to try augmentations on, and a drawn brain, to compute channels from. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.cohort.records import SubjectFacts
from study.imaging.channels.channel import Sources
from study.imaging.prepared import Prepared
from study.imaging.sample import Patch
from study.imaging.volume import Grid

__all__ = ["brain_of", "patch_of"]

BRAIN = (20, 44, 36)  # [D, H, W]
VOXEL_MM = (6.0, 4.0, 4.0)


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


def brain_of(modalities: Sequence[str], seed: int = 0) -> Sources:
    """A brain whose halves are alike but for a texture: an ellipsoid with two dark ventricles and a bright spot.

    Images lie around 1, each with a texture of its own, and are 0 beyond the brain.
    """
    rng = np.random.default_rng(seed)
    d, h, w = np.meshgrid(*(np.linspace(-1, 1, size) for size in BRAIN), indexing="ij")
    inside = (d / 0.85) ** 2 + (h / 0.9) ** 2 + (w / 0.9) ** 2 < 1
    ventricles = (d / 0.25) ** 2 + ((h + 0.1) / 0.4) ** 2 + ((np.abs(w) - 0.2) / 0.12) ** 2 < 1
    spot = (d / 0.2) ** 2 + ((h - 0.3) / 0.15) ** 2 + ((w - 0.5) / 0.15) ** 2 < 1
    images = {}
    for place, modality in enumerate(modalities):
        texture = ndimage.gaussian_filter(rng.normal(size=BRAIN), 1.0)
        image = 1 + 0.2 * place - 0.6 * ventricles + 0.8 * spot + 0.1 * texture / texture.std()
        images[modality] = np.where(inside, image, 0).astype(np.float32)
    return Sources(images, inside, VOXEL_MM, 1000.0)
