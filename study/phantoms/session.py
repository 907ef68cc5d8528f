"""One examination of one patient: what it is simulated from, and the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from study.config import Dirt
from study.phantoms.acquisition import Acquisition
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
