"""Plans of networks that see one slice at a time, after Lau et al. 2019 (arXiv:1908.06683). Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.parts.sizes import nearest_multiples
from models.plan import Plan, Scans, Size

LEVELS = 4  # the paper does not say
LONGEST_SIDE = 256  # voxels of a planned patch in plane; divisible by 2^(levels - 1) for up to 9 levels


@dataclass(frozen=True)
class PlanePlan(Plan):
    """What a network with 2D U-Nets is built from.

    Attributes:
        features: channels of each level, highest resolution first.
    """

    features: tuple[int, ...]

    @property
    def levels(self) -> int:
        """Resolutions, the input's included."""
        return len(self.features)

    @property
    def divisor(self) -> Size:
        """The sizes that an input must be divisible by."""
        side: int = 2 ** (self.levels - 1)
        return 1, side, side


def plane_fields(settings: Mapping[str, Any], scans: Scans) -> dict[str, Any]:
    """The fields of a `PlanePlan`: one slice, as much of it as the median subject fills, at most 256 voxels a side.

    `model.memory_gb` is not read: a slice is small.

    Raises:
        ValueError: the patch cannot be halved at each level, or too little of it is left at the lowest; says
            what would do.
    """
    levels = settings["stages"] or LEVELS
    divisor = 2 ** (levels - 1)
    patch = settings["patch_size"] or (1, *(_planned(side, divisor) for side in scans.median_shape[1:]))
    _check_patch(patch, levels, divisor)
    features = tuple(min(settings["base_channels"] * 2**i, settings["max_channels"]) for i in range(levels))
    return {
        "modalities": scans.modalities,
        "n_classes": scans.n_classes,
        "patch_size": tuple(patch),
        "features": features,
    }


def _planned(side: int, divisor: int) -> int:
    return math.ceil(min(side, LONGEST_SIDE) / divisor) * divisor


def _check_patch(patch: Size, levels: int, divisor: int) -> None:
    height, width = patch[1:]
    if height % divisor or width % divisor:
        raise ValueError(
            f"model.patch_size: {height}×{width} in plane is not divisible by {divisor}, that is by 2 between each "
            f"two of {levels} levels (model.stages); these would do: "
            f"{nearest_multiples(height, divisor)} × {nearest_multiples(width, divisor)}"
        )
    if height == width == divisor:  # batch normalisation needs two values to train on
        raise ValueError(
            f"model.patch_size: {height}×{width} in plane is one voxel at the lowest of {levels} levels; "
            f"these would do: {divisor} × {2 * divisor} and more, or model.stages={levels - 1}"
        )


def largest_plane(settings: Mapping[str, Any], batch_size: int) -> float:
    """The most voxels of a planned patch; the arguments, which do not matter here, are those of a `ModelSpec`'s."""
    return float(LONGEST_SIDE**2)
