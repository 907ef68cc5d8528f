"""Training patches of a prepared subject; no more of it is read than the patch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from study.imaging.prepared import FOREGROUND_VOXELS, Prepared

__all__ = ["sample_empty_patch", "sample_patch"]

Patch = tuple[NDArray[np.float32], NDArray[np.uint8]]


def sample_patch(
    prepared: Prepared, patch_size: Sequence[int], force_foreground: bool, rng: Generator
) -> Patch:
    """Image float32 `[M, *patch_size]` and target uint8 `[*patch_size]`, both writable copies.

    The patch lies anywhere inside the volume; a smaller volume is centred and padded with 0. A forced patch is
    centred on a random foreground voxel and then moved inside the volume; without foreground it lies anywhere.
    This is nnU-Net's rule, except that its forced patches may extend beyond the far sides.

    Raises:
        ValueError: the subject has no target.
    """
    target = _target(prepared)
    size = np.array(patch_size)
    room = np.maximum(np.array(target.shape) - size, 0)
    if force_foreground and len(prepared.foreground):
        voxel = prepared.foreground[rng.integers(len(prepared.foreground))].astype(int)
        start = np.clip(voxel - size // 2, 0, room)
    else:
        start = rng.integers(0, room + 1)
    return _cut(prepared, target, start, size)


def sample_empty_patch(prepared: Prepared, patch_size: Sequence[int], rng: Generator) -> Patch:
    """A patch as from `sample_patch` with as few voxels of the target as possible, usually none.

    All positions with that number of voxels are equally likely.

    Raises:
        ValueError: the subject has no target.
    """
    target = _target(prepared)
    size = np.array(patch_size)
    room = np.maximum(np.array(target.shape) - size, 0)
    all_listed = len(prepared.foreground) < FOREGROUND_VOXELS
    voxels = prepared.foreground if all_listed else np.argwhere(np.asarray(target))
    shown = _shown(voxels.astype(int), room, size)
    best = np.flatnonzero(shown == shown.min())
    start = np.array(np.unravel_index(best[rng.integers(len(best))], shown.shape))
    return _cut(prepared, target, start, size)


def _target(prepared: Prepared) -> NDArray[np.uint8]:
    if prepared.target is None:
        raise ValueError(f"{prepared.key}: patches to train on need a target, and this subject has none")
    return prepared.target


def _shown(voxels: NDArray[Any], room: NDArray[Any], size: NDArray[Any]) -> NDArray[np.int32]:
    """How many of the voxels [N, 3] each patch shows, by its start [room + 1], from sums of steps at their corners."""
    steps = np.zeros(room + 2, np.int32)
    first, after = np.maximum(voxels - size + 1, 0), np.minimum(voxels, room) + 1
    for corner in product((0, 1), repeat=3):
        np.add.at(steps, tuple(np.where(corner, after, first).T), (-1) ** sum(corner))
    for axis in range(3):
        np.cumsum(steps, axis, out=steps)
    return steps[:-1, :-1, :-1]


def _cut(prepared: Prepared, whole: NDArray[np.uint8], start: NDArray[Any], size: NDArray[Any]) -> Patch:
    """Image and target of a patch; a volume that is shorter along an axis is centred in it."""
    read = np.minimum(whole.shape, size)
    pad = (size - read) // 2
    target = np.zeros(tuple(size), np.uint8)
    place = tuple(slice(a, a + n) for a, n in zip(pad, read, strict=True))
    target[place] = whole[tuple(slice(a, a + n) for a, n in zip(start, read, strict=True))]
    return prepared.window((start - pad).tolist(), size.tolist()), target
