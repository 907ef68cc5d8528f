"""Where the training patches of a prepared subject lie, and what they show; no more is read than what is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from study.imaging.prepared import FOREGROUND_VOXELS, Prepared
from study.imaging.windows import overlap

__all__ = ["Patch", "sample_empty_patch", "sample_patch"]

Size = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Patch:
    """A place in a subject; what lies there is read when it is cut.

    Attributes:
        prepared: the subject, with a target.
        start: index of the first voxel; a subject that is smaller than the patch is centred in it.
        size: of the patch, `[D, H, W]`.
    """

    prepared: Prepared
    start: Size
    size: Size

    def cut(self, extra: Sequence[int] = (0, 0, 0)) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Image float32 `[M, *size]` and target uint8 `[*size]`, both writable copies; 0 beyond the subject.

        Args:
            extra: voxels that are cut on both sides beyond the patch, along each axis.
        """
        start = [first - more for first, more in zip(self.start, extra, strict=True)]
        size = [length + 2 * more for length, more in zip(self.size, extra, strict=True)]
        whole = _target(self.prepared)
        target = np.zeros(size, np.uint8)
        parts = [overlap(*axis) for axis in zip(start, size, whole.shape, strict=True)]
        taken, placed = zip(*parts, strict=True)
        target[placed] = whole[taken]
        return self.prepared.window(start, size), target


def sample_patch(
    prepared: Prepared, patch_size: Sequence[int], force_foreground: bool, rng: Generator
) -> Patch:
    """A patch to learn from.

    It lies anywhere inside the volume; a smaller volume is centred and padded with 0. A forced patch is centred on a
    random foreground voxel and may reach beyond the volume, except along axes that it covers; without foreground it
    lies anywhere. nnU-Net moves such a patch inside at the near sides, and lets it reach beyond the far ones.

    Raises:
        ValueError: the subject has no target.
    """
    target = _target(prepared)
    size = np.array(patch_size)
    room = np.maximum(np.array(target.shape) - size, 0)
    if force_foreground and len(prepared.foreground):
        voxel = prepared.foreground[rng.integers(len(prepared.foreground))].astype(int)
        start = np.where(room > 0, voxel - size // 2, 0)
    else:
        start = rng.integers(0, room + 1)
    return _placed(prepared, start, size)


def sample_empty_patch(prepared: Prepared, patch_size: Sequence[int], rng: Generator) -> Patch:
    """A patch to learn from with as few voxels of the target as possible, usually none.

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
    return _placed(prepared, start, size)


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


def _placed(prepared: Prepared, start: NDArray[Any], size: NDArray[Any]) -> Patch:
    """A patch that begins at an index; a subject that is shorter along an axis is centred in it."""
    before = (size - np.minimum(_target(prepared).shape, size)) // 2
    first, length = start - before, size
    return Patch(
        prepared,
        (int(first[0]), int(first[1]), int(first[2])),
        (int(length[0]), int(length[1]), int(length[2])),
    )
