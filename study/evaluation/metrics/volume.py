"""Volume: how large the masks are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from study.evaluation.metrics.overlap import Overlap


def voxel_volume_ml(spacing_mm: Sequence[float]) -> float:
    """Volume of one voxel in mL."""
    return math.prod(spacing_mm) / 1000


def volume_difference_ml(overlap: Overlap, spacing_mm: Sequence[float]) -> float:
    """Absolute difference of two volumes in mL (ISLES 2022)."""
    return abs(overlap.prediction - overlap.reference) * voxel_volume_ml(spacing_mm)


def relative_volume_difference(overlap: Overlap) -> float:
    """Absolute difference of two volumes over that of the reference (ISBI 2015); nan for an empty reference."""
    return abs(overlap.prediction - overlap.reference) / overlap.reference if overlap.reference else math.nan
