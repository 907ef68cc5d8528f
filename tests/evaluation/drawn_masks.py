"""Masks for tests of metrics: drawn by hand, and blobs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.evaluation.metrics import Scores, score

SPACING_MM = (5.0, 1.5, 2.0)


def drawing(*rows: str) -> NDArray[np.bool_]:
    """One slice [1, H, W]; `#` is 1."""
    return np.array([[[sign == "#" for sign in row] for row in rows]])


def slices(*drawings: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Several drawings, one behind the other [D, H, W]."""
    return np.concatenate(drawings)


def blobs(seed: int, share: float, shape: tuple[int, int, int] = (10, 14, 12)) -> NDArray[np.bool_]:
    """Smooth noise above a quantile: many components, some of which touch the border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.2)
    return np.asarray(noise > np.quantile(noise, 1 - share))


def pair(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A reference, and a prediction that shifts it, misses a part of it, and adds components."""
    reference = blobs(seed, 0.12)
    rng = np.random.default_rng(seed)
    moved = np.roll(reference, int(rng.integers(0, 2)), axis=int(rng.integers(0, 3)))
    moved[:, : int(rng.integers(0, 5))] = False
    return reference, moved | blobs(seed + 100, 0.03)


def scored(
    reference: NDArray[np.bool_],
    prediction: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    tolerance_mm: float = 2.0,
) -> Scores:
    """All metrics, with Dice 1 where both masks are empty."""
    return score(reference, prediction, spacing_mm, "one", tolerance_mm)
