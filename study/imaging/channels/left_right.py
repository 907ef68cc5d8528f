"""DWI less its mirror image over the midsagittal plane: strokes are on one side, most else is on both."""

from __future__ import annotations

import numpy as np

from study.imaging.channels.channel import Channel, Image, Sources, Way
from study.imaging.channels.local_contrast import mean_around
from study.imaging.channels.midsagittal import find_plane

__all__ = ["LEFT_RIGHT"]

SMOOTH_MM = 2.0  # standard deviation; the halves of a brain are alike, but not voxel by voxel
HALF = 0.5  # of a mirrored voxel, that must show the brain


def left_right(sources: Sources) -> Image:
    """(G * x - mirrored G * x) / mean x, with G a Gaussian of 2 mm over the brain alone; 0 where the mirror has none.

    A brain that is mirrored, turned or moved has this channel mirrored, turned or moved; its sign stays with the side
    that is brighter.
    """
    dwi, inside, spacing = sources.images["DWI"], sources.inside, sources.spacing_mm
    plane = find_plane(dwi, inside, spacing)
    smooth = np.where(inside, mean_around(dwi, inside, SMOOTH_MM, spacing), 0)
    behind = plane.mirrored(inside.astype(np.float32), spacing)
    other = np.divide(plane.mirrored(smooth, spacing), behind, out=np.zeros_like(smooth), where=behind > HALF)
    mean = max(float(dwi[inside].mean()), float(np.finfo(np.float32).tiny))
    return np.where(inside & (behind > HALF), (smooth - other) / mean, 0).astype(np.float32)


LEFT_RIGHT = Channel(Way(("DWI",), left_right))
