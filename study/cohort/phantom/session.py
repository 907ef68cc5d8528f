"""What one examination of one patient is made of, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from study.cohort.phantom.acquisition import Scan, VoxelGrid
from study.cohort.phantom.brain import Brain
from study.cohort.phantom.distractors import Changes
from study.cohort.phantom.lesions import Stroke
from study.cohort.phantom.roster import Entry
from study.cohort.phantom.shapes import Field
from study.cohort.phantom.tissue import Tissue

Image = tuple[npt.NDArray[Any], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Session:
    """A patient in a scanner.

    Attributes:
        tissues: properties of each tissue at the scanner's field.
        air_ppm: field of the air in the skull, `[n]` at the brain's voxels.
        shift_mm: from brain to scanner coordinates.
    """

    entry: Entry
    brain: Brain
    tissues: dict[str, Tissue]
    stroke: Stroke | None
    changes: Changes
    scan: Scan
    air_ppm: Field
    shift_mm: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Phantom:
    """Images and masks by name, each `[X, Y, Z]` with its affine, and all parameters."""

    images: dict[str, Image] = field(default_factory=dict)
    masks: dict[str, Image] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)


def largest(share: Field) -> npt.NDArray[np.bool_]:
    """The voxels with the largest shares, as many as the shares sum up to (at least one): a mask of that volume."""
    flat = share.ravel()
    mask = np.zeros(flat.size, bool)
    order = np.argsort(-flat, kind="stable")
    mask[order[: max(1, round(float(flat.sum())))]] = True
    return (mask & (flat > 0)).reshape(share.shape)


def center_of_mass_mm(mask: npt.NDArray[np.bool_], grid: VoxelGrid) -> npt.NDArray[np.float64] | None:
    """Scanner coordinates of a mask on the box of a grid; None when it is empty."""
    if not mask.any():
        return None
    return np.asarray(grid.box_affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + grid.box_affine[:3, 3])
