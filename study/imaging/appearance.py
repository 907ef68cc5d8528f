"""What tells real DWI and ADC from simulated ones, in a few numbers of each subject.

Everything is measured at `GRID_MM`, whatever the slices of a scan, since noise and edges depend on the voxel.
Parenchyma is the brain without its rim and without voxels whose ADC is that of fluid or of no tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import Cohort, Subject
from study.config.imaging import MOST_VOXELS
from study.errors import CohortError, Problem
from study.imaging.resample import resample
from study.imaging.scan import Scan, read_scan
from study.imaging.units import adc_factor
from study.imaging.volume import Grid
from study.machine.processes import map_processes
from study.machine.progress import Progress, unwatched

GRID_MM = 2.0
RIM_MM = 4.0  # of the brain, which masks cut differently, and where fluid shares the voxels
TISSUE = (0.2, 1.2)  # ADC of parenchyma in 10⁻³ mm²/s
BRIGHT, LOW = 1.25, 0.65  # DWI over its median in parenchyma, and ADC: what a stroke looks like

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Appearance:
    """The statistics of one subject; None where there is nothing to measure.

    DWI is relative to its median in parenchyma, ADC is in 10⁻³ mm²/s.

    Attributes:
        bright_low_ml: volume of bright voxels of low ADC, in the brain outside the lesion, half its rim left out.
        dwi_sd: standard deviation of DWI in parenchyma.
        dwi_residual, adc_residual: standard deviation in parenchyma of the image less its median over 3×3×3 voxels.
        adc_p5: 5th percentile of ADC in the brain.
        dwi_p999: 99.9th percentile of DWI in the brain.
        adc_gradient_p95: 95th percentile of the length of ADC's gradient in parenchyma, per voxel of `GRID_MM`.
        lesion_adc: median of ADC in the lesion.
    """

    bright_low_ml: float
    dwi_sd: float
    dwi_residual: float
    adc_residual: float
    adc_p5: float
    dwi_p999: float
    adc_gradient_p95: float
    lesion_adc: float | None


TITLES = {
    "bright_low_ml": f"DWI > {BRIGHT:g} of parenchyma, ADC < {LOW:g}, outside the lesion, mL",
    "dwi_sd": "standard deviation of DWI in parenchyma",
    "dwi_residual": "high-frequency residual of DWI",
    "adc_residual": "high-frequency residual of ADC",
    "adc_p5": "ADC, 5th percentile",
    "dwi_p999": "DWI, 99.9th percentile",
    "adc_gradient_p95": "gradient of ADC, 95th percentile",
    "lesion_adc": "ADC in lesions",
}


def appearances(
    cohort: Cohort, *, lesions: bool, progress: Progress = unwatched
) -> list[tuple[Subject, Appearance]]:
    """Measure each subject that has DWI and ADC, in parallel.

    Args:
        cohort: whose images are read.
        lesions: whether lesion masks are read; without them lesions count as the rest of the brain.
        progress: told of each subject that is read.

    Raises:
        CohortError: no subject has both, or a subject's files cannot be used.
    """
    both = [subject for subject in cohort.subjects if {"DWI", "ADC"} <= set(subject.images)]
    if not both:
        raise CohortError([Problem("cohort", None, "no subject has DWI and ADC", "measure another cohort")])
    found = map_processes(partial(_of_subject, lesions=lesions), both, "reading subjects", progress)
    return list(zip(both, found, strict=True))


def _of_subject(subject: Subject, *, lesions: bool) -> Appearance:
    target = "lesion" if lesions else None
    scan = read_scan(
        subject.images,
        ("DWI", "ADC"),
        "DWI",
        subject.masks,
        target,
        subject.label,
        most_voxels=MOST_VOXELS,
        labels=subject.labels,
    )
    if scan.problems:
        raise CohortError(scan.problems)
    return of_scan(scan)


def of_scan(scan: Scan) -> Appearance:
    """Measure the DWI and ADC of a scan; raises CohortError if the unit of ADC is unknown."""
    grid = scan.native.with_spacing((GRID_MM,) * 3)
    dwi, adc = (
        resample(scan.volumes[name].data, scan.volumes[name].grid, grid, 1) for name in ("DWI", "ADC")
    )
    brain = _on_grid(scan.brain, scan.native, grid)
    lesion = None if scan.target is None else _on_grid(scan.target.data, scan.target.grid, grid)
    factor = adc_factor(adc[brain])
    if factor is None:
        what = "the unit of ADC is not recognised"
        raise CohortError([Problem(scan.subject, scan.files["ADC"], what, "give ADC near 0.9 (10⁻³ mm²/s)")])
    return appearance(dwi, adc * np.float32(factor), brain, lesion)


def _on_grid(mask: NDArray[np.generic], source: Grid, grid: Grid) -> Mask:
    return np.asarray(resample(mask.astype(np.uint8), source, grid, 0) > 0)


def appearance(dwi: Image, adc: Image, brain: Mask, lesion: Mask | None) -> Appearance:
    """The statistics of images [D, H, W] with cubic voxels of `GRID_MM`; ADC in 10⁻³ mm²/s.

    Raises:
        ValueError: there is no parenchyma.
    """
    from scipy import ndimage

    rim = round(RIM_MM / GRID_MM)
    low, high = TISSUE
    parenchyma = ndimage.binary_erosion(brain, iterations=rim) & (adc > low) & (adc < high)
    if not parenchyma.any():
        raise ValueError(f"no voxel of the brain, {RIM_MM:g} mm below its surface, has an ADC of {TISSUE}")
    relative = dwi / np.median(dwi[parenchyma])
    looks_acute = ndimage.binary_erosion(brain, iterations=rim // 2) & (relative > BRIGHT) & (adc < LOW)
    has_lesion = lesion is not None and lesion.any()
    outside = looks_acute if lesion is None else looks_acute & ~lesion
    slope = np.sqrt(sum(np.square(part) for part in np.gradient(adc)))
    dwi_residual, adc_residual = (
        float((image - ndimage.median_filter(image, 3))[parenchyma].std()) for image in (relative, adc)
    )
    return Appearance(
        bright_low_ml=float(outside.sum()) * GRID_MM**3 / 1000,
        dwi_sd=float(relative[parenchyma].std()),
        dwi_residual=dwi_residual,
        adc_residual=adc_residual,
        adc_p5=float(np.percentile(adc[brain], 5)),
        dwi_p999=float(np.percentile(relative[brain], 99.9)),
        adc_gradient_p95=float(np.percentile(slope[parenchyma], 95)),
        lesion_adc=float(np.median(adc[lesion])) if has_lesion else None,
    )


def medians(found: Sequence[Appearance]) -> dict[str, float | None]:
    """The median of each statistic over subjects, by its name; None where no subject has it."""
    result: dict[str, float | None] = {}
    for field in fields(Appearance):
        values = [value for one in found if (value := getattr(one, field.name)) is not None]
        result[field.name] = float(np.median(values)) if values else None
    return result
