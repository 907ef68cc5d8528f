"""Units of image values: ADC in 10⁻³ mm²/s, no negative magnitudes, and values that cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.imaging.physics import unit_of

SIGNED = frozenset({"PHASE", "CT"})  # every other modality is a magnitude
UNITS = {"ADC": "10⁻³ mm²/s"}
"""Of the modalities whose values mean the same in every scan; all others are read as they are normalised."""
MOST_NEGATIVE = 0.25  # share of the brain; interpolation makes a few per cent negative at its edge


def is_magnitude(modality: str) -> bool:
    """Whether a modality is a magnitude, which physics does not allow to be negative."""
    return modality.upper() not in SIGNED


def adc_factor(values: NDArray[Any]) -> float | None:
    """The factor from ADC values of a brain [N] to 10⁻³ mm²/s; None if no unit fits."""
    positive = values[values > 0]
    return unit_of(float(np.median(positive)) if positive.size else 0.0)


def fault(values: NDArray[Any], modality: str) -> tuple[str, str] | None:
    """Why the values of a brain [N] cannot be used, with the remedy; None if they can."""
    if not values.size:
        return "no voxel of the brain lies in it", "check that the files belong together, or leave it out"
    if values.min() == values.max():
        what = f"it is constant in the brain ({values.min():g})"
        return what, "give the image itself, which no mask is, or leave it out"
    if modality.upper() == "ADC" and adc_factor(values) is None:
        median = float(np.median(values))
        return (
            f"its unit is not recognised: the median in the brain is {median:.3g}, "
            "expected near 0.9 (10⁻³ mm²/s), 0.0009 (mm²/s) or 900 (10⁻⁶ mm²/s)",
            "give the ADC map in one of these units, and check that it is the ADC map",
        )
    negative = float((values < 0).mean())
    if is_magnitude(modality) and negative > MOST_NEGATIVE:
        return (
            f"{negative:.0%} of the brain's voxels are negative, which no {modality} image is",
            "give the image as acquired, not normalised, and check that the modality is right",
        )
    return None


def unit_factor(values: NDArray[Any], modality: str) -> float:
    """What the values of a brain [N], which must have no `fault`, are multiplied by: 1 for all but ADC."""
    return (adc_factor(values) or 1.0) if modality.upper() == "ADC" else 1.0


def physical(data: NDArray[np.float32], modality: str, factor: float) -> NDArray[np.float32]:
    """The image [D, H, W] in its unit, with negative magnitudes (artefacts of interpolation) set to 0."""
    if factor != 1:
        data = data * np.float32(factor)
    return np.maximum(data, 0) if is_magnitude(modality) else data
