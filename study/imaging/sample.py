"""A patch of a prepared subject, reading no more of it than the patch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from study.imaging.prepared import Prepared

__all__ = ["sample_patch"]


def sample_patch(
    prepared: Prepared, patch_size: Sequence[int], force_foreground: bool, rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Image float32 `[M, *patch_size]` and target uint8 `[*patch_size]`, both writable copies.

    The patch lies anywhere inside the volume; a volume smaller than it is centred and padded with 0. A forced
    patch is centred on a random foreground voxel, then moved inside the volume; without foreground it lies
    anywhere (nnU-Net's rule, but for its forced patches that stick out at the far sides).

    Raises:
        ValueError: the subject has no target.
    """
    if prepared.target is None:
        raise ValueError(f"{prepared.key}: patches to train on need a target, and this subject has none")
    shape, size = np.array(prepared.target.shape), np.array(patch_size)
    room = np.maximum(shape - size, 0)
    if force_foreground and len(prepared.foreground):
        voxel = prepared.foreground[rng.integers(len(prepared.foreground))].astype(int)
        start = np.clip(voxel - size // 2, 0, room)
    else:
        start = rng.integers(0, room + 1)
    read = np.minimum(shape, size)
    pad = (size - read) // 2
    source = tuple(slice(a, a + n) for a, n in zip(start, read, strict=True))
    place = tuple(slice(a, a + n) for a, n in zip(pad, read, strict=True))
    image = np.zeros((len(prepared.image), *size), np.float32)
    target = np.zeros(tuple(size), np.uint8)
    image[(slice(None), *place)] = prepared.image[(slice(None), *source)]
    target[place] = prepared.target[source]
    return image, target
