"""One examination of one patient: what it is simulated from, and the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from study.config import Dirt
from study.phantoms.acquisition import Acquisition, VoxelGrid
from study.phantoms.brain import Brain
from study.phantoms.distractors import Changes
from study.phantoms.lesions import Stroke
from study.phantoms.roster import PhantomSubject
from study.phantoms.shapes import Field
from study.phantoms.tissue import Tissue

Image = tuple[npt.NDArray[Any], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Session:
    """A patient in a scanner.

    Attributes:
        subject: who is scanned.
        brain: the healthy brain.
        tissues: properties of each tissue at the scanner's field.
        stroke: None in a control.
        changes: what differs from healthy tissue.
        acquisition: parameters of the scanner.
        dirt: disorder of real scans.
        air_ppm: field of the air in the skull, `[n]` at the brain's voxels.
        shift_mm: from brain to scanner coordinates.
    """

    subject: PhantomSubject
    brain: Brain
    tissues: dict[str, Tissue]
    stroke: Stroke | None
    changes: Changes
    acquisition: Acquisition
    dirt: Dirt
    air_ppm: Field
    shift_mm: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """Images and masks by name, each `[X, Y, Z]` with its affine, and all parameters."""

    images: dict[str, Image] = field(default_factory=dict)
    masks: dict[str, Image] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)


def largest(share: Field) -> npt.NDArray[np.bool_]:
    """A mask whose volume is the sum of the shares: that many voxels with the largest shares, at least one."""
    flat = share.ravel()
    mask = np.zeros(flat.size, bool)
    order = np.argsort(-flat, kind="stable")
    mask[order[: max(1, round(float(flat.sum())))]] = True
    return (mask & (flat > 0)).reshape(share.shape)


def center_of_mass_mm(mask: npt.NDArray[np.bool_], grid: VoxelGrid) -> npt.NDArray[np.float64] | None:
    """Center of mass in scanner mm of a mask on the box of a grid; None if it is empty."""
    if not mask.any():
        return None
    return np.asarray(grid.box_affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + grid.box_affine[:3, 3])
