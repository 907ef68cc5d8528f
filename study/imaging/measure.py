"""Measures the intensities of a subject's images (`study.imaging.intensities`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.imaging.intensities import COUNTED, PERCENTILES, ImageIntensities, Intensities, PairIntensities
from study.imaging.stack import Stack
from study.imaging.volume import Volume

SAMPLED = 30_000  # voxels of the brain; more change a correlation by less than 0.01
FEWEST = 100  # voxels that two images must share to be compared
SEEN = 200_000  # voxels of a file in which distinct values are looked for before all are
EXTREME = 0.1  # the share of the brain that counts as the brightest, or the darkest

Voxels = NDArray[np.float64]


def measure(volumes: Mapping[str, Volume], stacked: Stack) -> Intensities:
    """The intensities of a subject; images that are constant in the brain are left out.

    Args:
        volumes: as read from the files.
        stacked: the same on one grid.
    """
    values = {
        name: image[stacked.inside[name]].astype(np.float64) / stacked.factors[name]
        for name, image in {**stacked.images, **stacked.unusable}.items()
    }
    used = [name for name, found in values.items() if found.size and np.ptp(found) > 0]
    samples = _samples({name: values[name] for name in used}, stacked.inside)
    return Intensities(
        images={name: _image(volumes[name].data, values[name]) for name in used},
        pairs=tuple(_pairs(samples)),
        attenuation=_attenuations(samples),
    )


def _image(stored: NDArray[Any], values: NDArray[Any]) -> ImageIntensities:
    """Of a file's voxels [D, H, W], and of those in the brain [N]."""
    drawn = values[_drawn(values.size)]
    return ImageIntensities(
        percentiles=tuple(np.percentile(values, PERCENTILES).tolist()),
        low=float(stored.min()),
        high=float(stored.max()),
        values=_distinct(stored),
        plateau=float(np.unique(drawn, return_counts=True)[1].max() / drawn.size),
    )


def _distinct(stored: NDArray[Any]) -> int:
    """The number of distinct values, at most `COUNTED`."""
    flat = stored.ravel()
    for part in (flat[:: max(1, flat.size // SEEN)], flat):
        if (found := np.unique(part).size) >= COUNTED:
            return COUNTED
    return int(found)


def _drawn(voxels: int) -> NDArray[np.intp]:
    """At most `SAMPLED` of so many indices, always the same, in order."""
    if voxels <= SAMPLED:
        return np.arange(voxels)
    return np.sort(np.random.default_rng(0).choice(voxels, SAMPLED, replace=False))


def _samples(values: Mapping[str, Voxels], inside: Mapping[str, NDArray[np.bool_]]) -> dict[str, Voxels]:
    """Each image's values [N] at the same voxels of the brain, nan where it has none.

    `values` are those inside the brain, `inside` says where that is [D, H, W].
    """
    if not values:
        return {}
    brain = np.flatnonzero(np.logical_or.reduce([inside[name] for name in values]))
    places = brain[_drawn(brain.size)]
    samples = {}
    for name, found in values.items():
        there = inside[name].ravel()
        number = np.cumsum(there) - 1  # of the voxel among the image's own
        samples[name] = np.where(there[places], found[number[places]], np.nan)
    return samples


def _shared(samples: Mapping[str, Voxels], names: Sequence[str]) -> list[Voxels]:
    """The values of some images where all of them have one."""
    values = np.array([samples[name] for name in names])
    return list(values[:, np.isfinite(values).all(axis=0)])


def _pairs(samples: Mapping[str, Voxels]) -> Iterator[PairIntensities]:
    for first, second in combinations(samples, 2):
        one, other = _shared(samples, (first, second))
        if one.size >= FEWEST:
            yield _pair(first, second, one, other)


def _attenuations(samples: Mapping[str, Voxels]) -> dict[str, float]:
    if not {"ADC", "B0", "DWI"} <= set(samples):
        return {}
    adc, b0, dwi = _shared(samples, ("ADC", "B0", "DWI"))
    roles = {"ADC": (adc, b0, dwi), "B0": (b0, adc, dwi), "DWI": (dwi, b0, adc)}
    found = {name: _attenuation(*role) for name, role in roles.items()}
    return {name: value for name, value in found.items() if value is not None}


def _pair(first: str, second: str, one: Voxels, other: Voxels) -> PairIntensities:
    ranks, others = _ranks(one), _ranks(other)
    bright = others[_top(one)].mean() - ranks[_top(other)].mean()
    dark = others[_top(-one)].mean() - ranks[_top(-other)].mean()
    return PairIntensities(
        first=first,
        second=second,
        correlation=_correlation(ranks, others) or 0.0,
        fluid=float(bright + dark),
        above=float((one > other).mean()),
    )


def _ranks(values: Voxels) -> Voxels:
    """Between 0 and 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - (counts - 1) / 2) / values.size)[places]


def _top(values: Voxels) -> NDArray[np.bool_]:
    """The brightest voxels, and all that are as bright."""
    return values >= np.quantile(values, 1 - EXTREME)


def _attenuation(adc: Voxels, b0: Voxels, dwi: Voxels) -> float | None:
    """Correlation of ADC with ln(B0 / DWI), to which it is proportional (Stejskal and Tanner 1965)."""
    signal = (b0 > 0) & (dwi > 0)
    if signal.sum() < FEWEST:
        return None
    return _correlation(adc[signal], np.log(b0[signal] / dwi[signal]))


def _correlation(one: Voxels, other: Voxels) -> float | None:
    """Pearson's; None where one of them is constant."""
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale > 0 else None
