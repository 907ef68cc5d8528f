"""Overlap: what two masks have in common, voxel by voxel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask, on_one_grid

EmptyDice = Literal["nan", "one"]
EMPTY_DICE: dict[EmptyDice, float] = {"nan": math.nan, "one": 1.0}  # nnU-Net's rule, ISLES 2022's rule


@dataclass(frozen=True)
class Overlap:
    """The voxels of two masks, counted.

    Attributes:
        reference: in the reference.
        prediction: in the prediction.
        common: in both.
        voxels: of the grid.
    """

    reference: int
    prediction: int
    common: int
    voxels: int

    @classmethod
    def of(cls, reference: Mask, prediction: Mask, voxels: int | None = None) -> Overlap:
        """Two masks [D, H, W] on one grid, which has more voxels where they are cropped."""
        return cls(
            int(np.count_nonzero(reference)),
            int(np.count_nonzero(prediction)),
            int(np.count_nonzero(reference & prediction)),
            reference.size if voxels is None else voxels,
        )

    def dice(self, empty_dice: EmptyDice) -> float:
        """Dice; nan or 1 where both masks are empty."""
        total = self.reference + self.prediction
        return 2 * self.common / total if total else EMPTY_DICE[empty_dice]

    @property
    def detected(self) -> float:
        """1 where the masks share a voxel, else 0; nan for an empty reference."""
        return float(self.common > 0) if self.reference else math.nan

    @property
    def ppv(self) -> float:
        """Share of the prediction that is right; 0 for an empty prediction, nan where both masks are empty."""
        if not self.prediction:
            return 0.0 if self.reference else math.nan
        return self.common / self.prediction

    @property
    def tpr(self) -> float:
        """Share of the reference that is found; nan for an empty reference."""
        return self.common / self.reference if self.reference else math.nan

    @property
    def correlation(self) -> float:
        """Pearson's correlation of both masks over all voxels of the grid, as the code of ModDrop++ has it.

        0 where one mask is empty, or full, and nan where both are.
        """
        spreads = [count * (self.voxels - count) for count in (self.reference, self.prediction)]
        if not all(spreads):
            return 0.0 if any(spreads) else math.nan
        covariance = self.voxels * self.common - self.reference * self.prediction
        return covariance / (math.sqrt(spreads[0]) * math.sqrt(spreads[1]))


def dice(reference: NDArray[Any], prediction: NDArray[Any], empty_dice: EmptyDice) -> float:
    """Dice of two masks [D, H, W]; nan or 1 where both are empty.

    Raises:
        ValueError: the masks are on different grids.
    """
    return Overlap.of(*on_one_grid(reference, prediction)).dice(empty_dice)
