"""Values of an image on the reference's own grid, for the steps of post-processing that see images.

Values are whole thousandths, so that sums of them are exact in any order: of the modality's unit where it has one
(`study.imaging.units.UNITS`: ADC in 10⁻³ mm²/s), elsewhere of the normalised image that networks see. Outside of the
brain an image has no value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.errors import CacheError, Problem
from study.imaging.prepared import Prepared
from study.imaging.units import UNITS

__all__ = ["NO_VALUE", "PER_UNIT", "Thousandths", "in_units", "native_values"]

PER_UNIT = 1000
NO_VALUE = -(2**15)  # outside of the brain
MOST = 2**15 - 1  # beyond 32 units, values are all the same

Thousandths = NDArray[np.int16]


def native_values(prepared: Prepared, modality: str, channel: int) -> Thousandths:
    """An image [D, H, W] in thousandths on `prepared.native`; `NO_VALUE` where most of a voxel is outside the brain.

    Values are interpolated linearly, at the edge of the brain from what lies inside of it.

    Args:
        prepared: the subject.
        modality: one that it has.
        channel: its index in `prepared.image`.

    Raises:
        CacheError: the modality has a unit, and the subject was prepared by a version that kept none.
    """
    image = np.asarray(prepared.image[channel])
    inside = image != 0
    weight = prepared.to_native(inside)
    there = weight >= 0.5
    has_unit = modality.upper() in UNITS
    values = np.where(inside, in_units(prepared, modality, channel) if has_unit else image, 0)
    mean = prepared.to_native(values)[there].astype(np.float64) / weight[there]
    thousandths = np.full(there.shape, NO_VALUE, np.int16)
    thousandths[there] = np.clip(np.rint(mean * PER_UNIT), -MOST, MOST)
    return thousandths


def in_units(prepared: Prepared, modality: str, channel: int) -> NDArray[np.float64]:
    """An image [D, H, W] on `prepared.grid` in its unit (ADC: 10⁻³ mm²/s); without meaning outside the brain.

    Args:
        prepared: the subject.
        modality: one that it has.
        channel: its index in `prepared.image`.

    Raises:
        CacheError: the subject was prepared by a version that kept no units.
    """
    scale = prepared.scales[channel] if prepared.scales else None
    if scale is None:
        what = (
            f"it was prepared by an earlier version, which does not know the unit of its {modality} any more"
        )
        remedy = "remove its entry from the cache (imaging.cache), and fill the cache with resume=true"
        raise CacheError([Problem(prepared.facts.key, None, what, remedy)])
    return scale.in_units(np.asarray(prepared.image[channel]))
