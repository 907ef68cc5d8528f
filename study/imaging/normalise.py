"""Intensity normalisation, so that values are comparable between scans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Landmarks = Mapping[str, Sequence[float]]  # modality to 13 intensities; stored in JSON as it is

PERCENTILES = (1, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 99)  # of learnt landmarks, as in TorchIO
APPLIED = (0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 12)  # without the quartiles, as in TorchIO


@dataclass(frozen=True)
class Scale:
    """How the normalised values of one image are read in its units: linearly between knots, and beyond them.

    Attributes:
        normalised: of the knots, ascending, at least two.
        units: their values before normalisation, in the unit of the modality (ADC: 10⁻³ mm²/s).
    """

    normalised: tuple[float, ...]
    units: tuple[float, ...]

    def in_units(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Normalised values of any shape in the unit of the modality."""
        knots, units = np.array(self.normalised), np.array(self.units)
        piece = np.digitize(values, knots[1:-1])
        slope = np.diff(units) / np.diff(knots)
        return np.asarray(units[piece] + slope[piece] * (values - knots[piece]))


def scale_of(values: NDArray[Any], landmarks: Sequence[float] | None = None) -> Scale:
    """The scale of an image that `zscore`, with landmarks after `nyul`, makes of the values of a brain [N].

    Landmarks that coincide are one knot: what `nyul` maps onto one value cannot be told apart again.
    """
    chosen = None if landmarks is None else np.asarray(landmarks, np.float64)[list(APPLIED)]
    mapped = values.astype(np.float64) if landmarks is None else nyul(values, landmarks)
    mean, std = float(mapped.mean()), max(float(mapped.std()), 1e-8)
    if chosen is None:
        return Scale((0.0, 1.0), (mean, mean + std))
    found = np.percentile(values, np.asarray(PERCENTILES)[list(APPLIED)])
    knots, first = np.unique((chosen - mean) / std, return_index=True)
    return Scale(tuple(knots.tolist()), tuple(found[first].tolist()))


def zscore(data: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Zero mean and unit variance inside the mask, 0 outside; arrays are [D, H, W]."""
    values = data[inside].astype(np.float64)
    result = np.zeros(data.shape, np.float32)
    result[inside] = (values - values.mean()) / max(float(values.std()), 1e-8)
    return result


def unit_scale(values: NDArray[Any], *, has_unit: bool) -> Scale:
    """The scale of an image with imaging.normalisation=units, from the values of a brain [N].

    A modality with a unit keeps its values; any other is divided by the mean of its absolute values.
    """
    size = 1.0 if has_unit else max(float(np.abs(values.astype(np.float64)).mean()), 1e-8)
    return Scale((0.0, 1.0), (0.0, size))


def nyul(values: NDArray[Any], landmarks: Sequence[float]) -> NDArray[np.float64]:
    """Intensities of a brain [N] mapped piecewise linearly onto learnt landmarks.

    Nyúl 2000, doi:10.1109/42.836373. Gives the values of TorchIO's `HistogramStandardization` without TorchIO.
    Values beyond the first and the last landmark follow the outer pieces; a piece of no width maps onto its lower
    landmark.
    """
    goal = np.asarray(landmarks, np.float64)[list(APPLIED)]
    found = np.percentile(values, np.asarray(PERCENTILES)[list(APPLIED)])
    width = np.diff(found)
    width[width < 1e-5] = np.inf
    slope = np.diff(goal) / width
    piece = np.digitize(values, found[1:-1])
    mapped: NDArray[np.float64] = goal[piece] + slope[piece] * (values - found[piece])
    return mapped
