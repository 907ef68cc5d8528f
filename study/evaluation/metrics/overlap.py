"""Overlap: the Dice, and whether a lesion is hit at all."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask, on_one_grid

EmptyDice = Literal["nan", "one"]
EMPTY_DICE: dict[EmptyDice, float] = {"nan": math.nan, "one": 1.0}  # nnU-Net's rule, ISLES 2022's rule


def dice(reference: NDArray[Any], prediction: NDArray[Any], empty_dice: EmptyDice) -> float:
    """Dice of two masks [D, H, W]; nan or 1 where both are empty.

    Raises:
        ValueError: the masks are on different grids.
    """
    reference, prediction = on_one_grid(reference, prediction)
    total = int(np.count_nonzero(reference)) + int(np.count_nonzero(prediction))
    overlap = int(np.count_nonzero(reference & prediction))
    return 2 * overlap / total if total else EMPTY_DICE[empty_dice]


def detected(reference: Mask, prediction: Mask) -> float:
    """1 where the masks share a voxel, else 0; nan for an empty reference."""
    return float((reference & prediction).any()) if reference.any() else math.nan
