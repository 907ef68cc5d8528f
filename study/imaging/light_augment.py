"""Light augmentations from two papers, in NumPy only: quarter turns, or flips and noise.

All randomness comes from the caller's generator, as in `study.imaging.augment`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from study.imaging.sample import Patch

__all__ = ["flip_noise", "rotate90", "unchanged"]

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Target = NDArray[np.uint8]

ROTATION_P = 0.1  # Xu et al. 2024
FLIP_P = NOISE_P = 0.4  # Vargas-Ibarra et al. 2024, section 2.3
NOISE_STD = 0.1  # for brains of unit deviation; the paper states none, nnU-Net's is at most this


def rotate90(patch: Patch, present: Sequence[bool] | Mask, rng: Generator) -> tuple[Array, Target]:
    """What a patch shows, turned by 90, 180 or 270 degrees with p = 0.1 (Xu et al. 2024).

    Slices are turned in their own plane only: they are usually thicker than their voxels are wide, so that a turn
    about another axis would squeeze the brain. A patch whose numbers of rows and columns differ is turned by
    180 degrees, the only turn that keeps its shape.

    Args:
        patch: of size `[D, H, W]`.
        present: `[M]`, which modalities the subject has; not read, as all turn alike.
        rng: the sample's own generator; no other randomness is used.
    """
    image, target = patch.cut()
    turns = 0
    if rng.random() < ROTATION_P:
        square = target.shape[1] == target.shape[2]
        turns = int(rng.integers(1, 4)) if square else 2
    return np.rot90(image, turns, (-2, -1)).copy(), np.rot90(target, turns, (-2, -1)).copy()


def flip_noise(patch: Patch, present: Sequence[bool] | Mask, rng: Generator) -> tuple[Array, Target]:
    """What a patch shows, each axis flipped with p = 0.4, and noise added with p = 0.4 (Vargas-Ibarra et al. 2024).

    The noise is Gaussian, drawn anew for each voxel of each modality; absent modalities and voxels outside
    the brain stay exactly 0.

    Args:
        patch: of size `[D, H, W]`.
        present: `[M]`, which modalities the subject has; not read, as absent ones are 0.
        rng: the sample's own generator; no other randomness is used.
    """
    axes = tuple(axis for axis in range(-3, 0) if rng.random() < FLIP_P)
    image, target = patch.cut()
    image, target = np.flip(image, axes).copy(), np.flip(target, axes).copy()
    if rng.random() < NOISE_P:
        inside = image != 0
        image[inside] += np.float32(NOISE_STD) * rng.standard_normal(np.count_nonzero(inside), np.float32)
    return image, target


def unchanged(patch: Patch, present: Sequence[bool] | Mask, rng: Generator) -> tuple[Array, Target]:
    """What a patch shows, for `trainer.augmentation=none`; draws nothing from `rng`."""
    return patch.cut()
