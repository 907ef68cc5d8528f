"""A metric: which share of the prediction is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def precision(reference: Any, prediction: Any, spacing_mm: Sequence[float]) -> float:
    """Overlap over the prediction's voxels; nan for an empty prediction."""
    voxels = int(np.count_nonzero(prediction))
    return float(np.count_nonzero(reference & prediction) / voxels) if voxels else float("nan")
