"""Calibration: whether of the voxels with a probability of 0.8, eight in ten are the target."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15  # of equal width (Guo 2017, section 4.1)


def calibration_error(
    probability: NDArray[np.floating[Any]], reference: NDArray[Any], voxels: float
) -> float:
    """Expected calibration error: of each bin |mean probability − share of the target|, weighted by its voxels.

    Probabilities of the target are binned, not those of the likelier class. All voxels of the grid count, those
    without a probability as background that the network is sure of; what is divided by is the size of the brain, so
    that more air around it does not make a network look better. It exceeds 1 where a network is unsure of much air.

    Args:
        probability: of the target [D, H, W], before post-processing.
        reference: mask [D, H, W], 0 and 1.
        voxels: how many voxels the brain has; nan is returned if there are none.

    Raises:
        ValueError: the probabilities are on another grid than the reference.
    """
    if probability.shape != reference.shape:
        raise ValueError(
            f"probability must be on the reference's grid {reference.shape}, got {probability.shape}"
        )
    if not voxels > 0:
        return math.nan
    total = float(probability.sum(dtype=np.float64))
    if math.isnan(total):
        return calibration_error(np.nan_to_num(probability), reference, voxels)
    above = probability >= 1 / BINS  # few voxels; the lowest bin has the rest of both sums
    known, truth = probability[above], reference[above].astype(np.bool_)
    bins = np.minimum((known * BINS).astype(np.intp), BINS - 1)
    gaps = np.bincount(bins, weights=known, minlength=BINS) - np.bincount(bins[truth], minlength=BINS)
    gaps[0] += total - known.sum(dtype=np.float64)
    gaps[0] -= np.count_nonzero(reference) - np.count_nonzero(truth)
    return float(np.abs(gaps).sum() / voxels)
