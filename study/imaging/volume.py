"""A three-dimensional array and the position of its voxels in the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Grid:
    """The positions of the voxels of an array [D, H, W].

    Attributes:
        shape: slices, rows, columns.
        affine: 4×4; array index (d, h, w) to RAS+ millimetres.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along slices, rows, columns."""
        depth, height, width = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(depth), float(height), float(width)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    def cropped(self, start: Sequence[int], stop: Sequence[int]) -> Grid:
        """The part from index `start` to before index `stop`."""
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.asarray(start, float)
        depth, height, width = (int(b) - int(a) for a, b in zip(start, stop, strict=True))
        return Grid((depth, height, width), affine)

    def with_spacing(self, spacing_mm: Sequence[float]) -> Grid:
        """A grid of another spacing that covers the same box around the same centre.

        A spacing that agrees to 0.1 % is kept: rounding in a header is no reason to interpolate.
        """
        old = np.asarray(self.spacing_mm)
        zoom = np.asarray(spacing_mm, float) / old
        zoom[np.abs(zoom - 1) < 1e-3] = 1
        size = np.maximum(1, np.ceil(np.asarray(self.shape) / zoom - 1e-2)).astype(int)
        affine = self.affine.copy()
        affine[:3, :3] *= zoom
        offset = (np.asarray(self.shape) - 1) / 2 - zoom * (size - 1) / 2
        affine[:3, 3] += self.affine[:3, :3] @ offset
        return Grid((int(size[0]), int(size[1]), int(size[2])), affine)

    def to_dict(self) -> dict[str, Any]:
        """The grid as JSON types."""
        return {"shape": list(self.shape), "affine": self.affine.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Grid:
        """The inverse of `to_dict`."""
        depth, height, width = content["shape"]
        return cls((depth, height, width), np.asarray(content["affine"], np.float64))


@dataclass(frozen=True, eq=False)
class Volume:
    """An image (float32) or a mask (uint8) [D, H, W] and its grid."""

    data: NDArray[Any]
    grid: Grid
