"""Windows of a subject; only this module knows which voxels of which modality a window combines.

Most modalities lie on the prepared grid. One with slices of its own (`imaging.own_slices`) contributes as many of its
slices to a window as the others do, around the same physical position: thicker slices span more of the brain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.imaging.resample import grid_mapping
from study.imaging.volume import Grid

__all__ = ["OwnSlices", "Windows", "overlap", "own_grid"]

ROUNDING = 1e-6  # slices; a position half-way between two, up to rounding, goes to the upper one


@dataclass(frozen=True, eq=False)
class OwnSlices:
    """Modalities in slices of their own spacing, on the rows and columns of the prepared grid.

    Attributes:
        image: float32 [N, d, H, W], normalised; absent modalities all zero.
        channels: the index of each of them among all modalities.
        grid: of `image`.
    """

    image: NDArray[np.float32]
    channels: tuple[int, ...]
    grid: Grid

    def select(self, modalities: Sequence[int]) -> OwnSlices | None:
        """Only these modalities, by index, in this order; None if none of them has slices of its own."""
        rows = [row for row, channel in enumerate(self.channels) if channel in modalities]
        if not rows:
            return None
        channels = tuple(modalities.index(self.channels[row]) for row in rows)
        return OwnSlices(self.image[rows], channels, self.grid)


def own_grid(source: Grid, grid: Grid) -> Grid:
    """The grid of a modality's own slices within the box of `grid`, with the box's rows and columns.

    Each slice is placed where it meets the line through the middle of the box along the slice axis; for parallel
    grids that is its own position. Slices that reach into the box are included.
    """
    mapping = grid_mapping(source, grid)
    middle = (np.asarray(grid.shape[1:]) - 1) / 2
    step = float(mapping[0, 0])  # own slices for each slice of the grid
    at = float(mapping[0, 1:3] @ middle + mapping[0, 3])  # own index of the grid's first slice
    first = math.floor(at - step / 2 - 0.5) + 1
    last = math.ceil(at + (grid.shape[0] - 0.5) * step + 0.5) - 1
    first, last = (int(np.clip(index, 0, source.shape[0] - 1)) for index in (first, last))
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (first - at) / step
    affine[:3, 0] /= step
    return Grid((last - first + 1, *grid.shape[1:]), affine)


@dataclass(frozen=True, eq=False)
class Windows:
    """Images to cut windows from: NumPy arrays, or torch tensors on any device.

    Attributes:
        image: [M, D, H, W].
        own: [N, d, H, W], slices of the modalities that have their own; None if none has.
        channels: indices of these among the M modalities.
        first: position of the first slice of `image` among the own slices, in slices.
        step: own slices for each slice of `image`.
    """

    image: Any
    own: Any = None
    channels: tuple[int, ...] = ()
    first: float = 0.0
    step: float = 1.0

    @classmethod
    def of(cls, image: NDArray[np.float32], grid: Grid, own: OwnSlices | None) -> Windows:
        """The windows of images on their grids."""
        if own is None:
            return cls(image)
        mapping = grid_mapping(own.grid, grid)
        return cls(image, own.image, own.channels, float(mapping[0, 3]), float(mapping[0, 0]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """D, H, W of the volume that contains the windows."""
        depth, height, width = self.image.shape[1:]
        return int(depth), int(height), int(width)

    def converted(self, convert: Callable[[Any], Any]) -> Windows:
        """The same images with each array converted, for example to a tensor on a device."""
        return replace(self, image=convert(self.image), own=None if self.own is None else convert(self.own))

    def cut(self, start: Sequence[int], out: Any) -> None:
        """Copy the window that begins at index `start`; it may extend beyond the volume, and no more than it is read.

        Args:
            start: slice, row, column; may be negative.
            out: [M, *size], zeros, of the same kind as the images.
        """
        depth, *plane = out.shape[1:]
        middle = self.first + self.step * (start[0] + (depth - 1) / 2)
        own_start = math.floor(middle - (depth - 1) / 2 + 0.5 + ROUNDING)
        for channel in range(len(self.image)):
            source, row, begin = self.image, channel, start[0]
            if channel in self.channels:
                source, row, begin = self.own, self.channels.index(channel), own_start
            parts = [
                overlap(at, length, edge)
                for at, length, edge in zip(
                    (begin, *start[1:]), (depth, *plane), source.shape[1:], strict=True
                )
            ]
            taken, placed = zip(*parts, strict=True)
            out[(channel, *placed)] = source[(row, *taken)]


def overlap(start: int, length: int, edge: int) -> tuple[slice, slice]:
    """Along one axis, the part of the volume that a window covers, and the place of that part in the window."""
    begin, end = max(start, 0), min(start + length, edge)
    end = max(begin, end)
    return slice(begin, end), slice(begin - start, end - start)
