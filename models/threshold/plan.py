"""The plan of the rule without training. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.plan import Plan, Scans, Size, Spacing

READ = ("DWI", "ADC")
WINDOW = 1.25  # times the median subject, so that nearly all lie in one window whole


@dataclass(frozen=True)
class ThresholdPlan(Plan):
    """What `models.threshold.network.ThresholdRule` is built from.

    Attributes:
        spacing_mm: of a voxel [D, H, W].
        local_mm: standard deviation of the Gaussian that the local mean of DWI is taken with.
        smooth_mm: of the Gaussian that both images are smoothed with.
        contrast: of smoothed DWI over its local mean, from which on a voxel is bright.
        adc: smoothed, in 10⁻³ mm²/s, up to which a voxel is dark.
    """

    spacing_mm: Spacing
    local_mm: float
    smooth_mm: float
    contrast: float
    adc: float


def plan_threshold(name: str, settings: Mapping[str, Any], scans: Scans) -> ThresholdPlan:
    """The rule that `model.rule` asks for, in windows that hold whole subjects.

    Raises:
        ValueError: neither DWI nor ADC is an input, or there is more than one region.
    """
    if not set(READ) & set(scans.modalities):
        raise ValueError(
            f"model.name: {name} reads DWI and ADC, and none of them is among {', '.join(scans.modalities)}; add one "
            "to cohort.modalities, or choose another model"
        )
    if scans.n_classes != 2:
        raise ValueError(
            f"model.name: {name} segments one region, got {scans.n_classes - 1}; choose another model"
        )
    rule = settings["rule"]
    return ThresholdPlan(
        scans.modalities,
        scans.n_classes,
        tuple(settings["patch_size"] or _window(scans.median_shape)),
        scans.spacing_mm,
        rule["local_mm"],
        rule["smooth_mm"],
        rule["contrast"],
        rule["adc"],
    )


def _window(median_shape: Size) -> Size:
    depth, rows, columns = (math.ceil(WINDOW * side) for side in median_shape)
    return depth, rows, columns
