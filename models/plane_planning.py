"""Plans of the networks of Lau et al. 2019 (arXiv:1908.06683), which see one slice at a time. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.plan import Plan, Scans
from models.topology import Size

LEVELS = 4  # the paper does not say
LONGEST_SIDE = 256  # voxels of a planned patch in plane; divisible by 2^(levels - 1) for up to 9 levels


@dataclass(frozen=True)
class UNet2dPlan(Plan):
    """What `models.unet2d.SlicewiseUNet` is built from.

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
        """What the patch is divisible by."""
        side: int = 2 ** (self.levels - 1)
        return 1, side, side


@dataclass(frozen=True)
class URNPlan(UNet2dPlan):
    """What `models.urn.URN` is built from: its U-Nets have the `features` of the baseline.

    Attributes:
        channels: of the unified representation.
        decoder_channels: of the synthesis decoders.
        fusion: key of `models.urn.FUSIONS`.
    """

    channels: int
    decoder_channels: int
    fusion: str


def plan_unet2d(name: str, settings: Mapping[str, Any], scans: Scans) -> UNet2dPlan:
    """The plan of the 2D U-Net: one slice, as much of it as the median subject fills, at most 256 voxels a side.

    `model.memory_gb` is not read: a slice is small.

    Raises:
        ValueError: the patch cannot be halved at each level, or too little of it is left at the lowest; says
            what would do.
    """
    return UNet2dPlan(**_shared(settings, scans))


def plan_urn(name: str, settings: Mapping[str, Any], scans: Scans) -> URNPlan:
    """The plan of the unified representation network: patch and U-Nets as in `plan_unet2d`.

    Raises:
        ValueError: as `plan_unet2d`; or a modality cannot name a module.
    """
    if dotted := [modality for modality in scans.modalities if "." in modality]:
        raise ValueError(
            f"cohort.modalities: {', '.join(dotted)} names the parameters of an encoder and must have no '.' in it; "
            f"these would do: {', '.join(modality.replace('.', '_') for modality in dotted)}"
        )
    unified = settings["unified"]
    return URNPlan(
        **_shared(settings, scans),
        channels=unified["channels"],
        decoder_channels=unified["decoder_channels"],
        fusion=unified["fusion"],
    )


def _shared(settings: Mapping[str, Any], scans: Scans) -> dict[str, Any]:
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
            f"two of {levels} levels (model.stages); these would do: {_near(height, divisor)} × {_near(width, divisor)}"
        )
    if height == width == divisor:  # batch normalisation needs two values to train on
        raise ValueError(
            f"model.patch_size: {height}×{width} in plane is one voxel at the lowest of {levels} levels; "
            f"these would do: {divisor} × {2 * divisor} and more, or model.stages={levels - 1}"
        )


def _near(side: int, divisor: int) -> str:
    below, above = side // divisor * divisor, math.ceil(side / divisor) * divisor
    return str(above) if below in (0, above) else f"{below} or {above}"
