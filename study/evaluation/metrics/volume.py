"""Volume: how large the masks are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from study.evaluation.components import Mask


def voxel_volume_ml(spacing_mm: Sequence[float]) -> float:
    """Volume of one voxel in mL."""
    return math.prod(spacing_mm) / 1000


def volume_ml(mask: Mask, spacing_mm: Sequence[float]) -> float:
    """Volume of a mask [D, H, W] in mL."""
    return int(np.count_nonzero(mask)) * voxel_volume_ml(spacing_mm)


def volume_difference_ml(reference: Mask, prediction: Mask, spacing_mm: Sequence[float]) -> float:
    """Absolute difference of two volumes in mL."""
    difference = int(np.count_nonzero(reference)) - int(np.count_nonzero(prediction))
    return abs(difference) * voxel_volume_ml(spacing_mm)
