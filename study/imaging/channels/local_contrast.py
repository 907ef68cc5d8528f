"""DWI over its mean around each voxel: a lesion stands out whatever the coil's shading and the scanner's scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.imaging.channels.channel import Channel, Image, Sources, Way

__all__ = ["LOCAL_CONTRAST", "mean_around"]

LOCAL_MM = 12.0  # standard deviation; as that of model=threshold, `model.rule.local_mm`
REACH = 3.0  # standard deviations at which the Gaussian ends
LEAST = 1e-6  # of the brain's mean: below it, an image has no signal around a voxel


def local_contrast(sources: Sources) -> Image:
    """x / (G * x) with G a Gaussian of 12 mm over the brain alone; 0 where nothing around has signal."""
    dwi, inside = sources.images["DWI"], sources.inside
    around = mean_around(dwi, inside, LOCAL_MM, sources.spacing_mm)
    signal = around > LEAST * max(float(dwi[inside].mean()), 0.0)
    return np.divide(dwi, around, out=np.zeros_like(around), where=signal & inside)


def mean_around(
    image: Image, inside: NDArray[np.bool_], deviation_mm: float, spacing_mm: Sequence[float]
) -> Image:
    """The Gaussian mean of an image [D, H, W] around each voxel, over what lies inside; read there alone."""
    deviations = [deviation_mm / spacing for spacing in spacing_mm]
    radius = [math.ceil(REACH * deviation) for deviation in deviations]

    def smooth(values: Image) -> Image:
        smoothed: Image = ndimage.gaussian_filter(
            values, deviations, mode="constant", output=np.float32, radius=radius
        )
        return smoothed

    weight = smooth(inside.astype(np.float32))
    total = smooth(np.where(inside, image, np.float32(0)))
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


LOCAL_CONTRAST = Channel(Way(("DWI",), local_contrast))
