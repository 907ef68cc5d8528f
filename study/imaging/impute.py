"""What can be computed is not missing: any two of DWI, ADC and B0 give the third (Stejskal and Tanner 1965).

DWI = B0 · exp(-b · ADC), voxel by voxel, in the images' units, before normalisation; ADC in 10⁻³ mm²/s, b in s/mm².
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from study.errors import Problem
from study.imaging.stack import Stack
from study.imaging.units import fault

__all__ = ["TRIPLE", "computed_from", "computed_stack", "sources_of"]

TRIPLE = ("DWI", "ADC", "B0")
MOST_ADC = 4.0  # 10⁻³ mm²/s; water at 37 °C has 3.0, and exp(b · ADC) of an artefact has no end
PER_ADC = 1e-3  # mm²/s in a unit of ADC

Image = NDArray[np.float32]


def computed_from(given: Collection[str]) -> tuple[str, ...]:
    """The modalities that are computed where these are given and no others."""
    return tuple(name for name in TRIPLE if name not in given and set(sources_of(name)) <= set(given))


def sources_of(name: str) -> tuple[str, str]:
    """The two that one of DWI, ADC and B0 is computed from."""
    one, other = (source for source in TRIPLE if source != name)
    return one, other


def b0(dwi: Image, adc: Image, b_s_mm2: float) -> Image:
    """B0 = DWI · exp(b · ADC); ADC beyond `MOST_ADC` counts as that."""
    return np.asarray(dwi * np.exp(b_s_mm2 * PER_ADC * np.clip(adc, 0, MOST_ADC)))


def dwi(adc: Image, b0: Image, b_s_mm2: float) -> Image:
    """DWI = B0 · exp(-b · ADC)."""
    return np.asarray(b0 * np.exp(-b_s_mm2 * PER_ADC * np.clip(adc, 0, MOST_ADC)))


def adc(dwi: Image, b0: Image, b_s_mm2: float) -> Image:
    """ADC = ln(B0 / DWI) / b, between 0 and `MOST_ADC`; 0 where one of them has no signal."""
    signal = (dwi > 0) & (b0 > 0)
    ratio = np.divide(b0, dwi, out=np.ones_like(b0), where=signal)
    return np.clip(np.log(ratio) / (b_s_mm2 * PER_ADC), 0, MOST_ADC)


FORMULAS: Mapping[str, Callable[[Image, Image, float], Image]] = {"DWI": dwi, "ADC": adc, "B0": b0}
"""From the two others, in the order of `TRIPLE`, and b."""


def computed_stack(stacked: Stack, b_s_mm2: float, subject: str) -> Stack:
    """Every one of DWI, ADC and B0 whose two sources are there, computed; images in the units of `stacked`.

    Args:
        stacked: the subject's images, in their units.
        b_s_mm2: the b-value of the DWI.
        subject: its name in problems.
    """
    images: dict[str, Image] = {}
    inside: dict[str, NDArray[np.bool_]] = {}
    problems = []
    for name in TRIPLE:
        one, other = sources_of(name)
        if one not in stacked.images or other not in stacked.images:
            continue
        where = stacked.inside[one] & stacked.inside[other]
        image = FORMULAS[name](stacked.images[one], stacked.images[other], b_s_mm2).astype(np.float32)
        if found := fault(image[where], name):
            what = f"{name}, computed from {one} and {other} with b = {b_s_mm2:g} s/mm²: {found[0]}"
            remedy = f"check {one}, {other} and imputation.b_value_s_mm2, or set imputation.kind=none"
            problems.append(Problem(subject, None, what, remedy))
        else:
            images[name], inside[name] = image, where
    return Stack(images, inside, dict.fromkeys(images, 1.0), {}, stacked.grid, tuple(problems))
