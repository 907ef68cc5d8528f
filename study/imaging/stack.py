"""All modalities of a subject on one grid, in their units, before normalisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.config import Imaging, Interpolation
from study.errors import CohortError, Problem
from study.imaging.resample import covered, resample
from study.imaging.scan import Scan
from study.imaging.units import fault, physical, unit_factor
from study.imaging.volume import Grid
from study.imaging.windows import own_grid

ORDERS: Mapping[Interpolation, int] = {"linear": 1, "cubic": 3}  # of splines


@dataclass(frozen=True, eq=False)
class Stack:
    """Modalities of a subject on one grid, in their units, before normalisation.

    Attributes:
        images: present modalities, float32 [D, H, W].
        inside: where the brain lies in each, bool [D, H, W]; also of `unusable`.
        factors: what the stored values of each image were multiplied by.
        unusable: modalities whose values cannot be used, as stored, float32 [D, H, W].
        grid: of all arrays.
        problems: what is wrong with the values of `unusable`.
    """

    images: Mapping[str, NDArray[np.float32]]
    inside: Mapping[str, NDArray[np.bool_]]
    factors: Mapping[str, float]
    unusable: Mapping[str, NDArray[np.float32]]
    grid: Grid
    problems: tuple[Problem, ...]


def stack(scan: Scan, spacing_mm: Sequence[float] | None, settings: Imaging) -> Stack:
    """Bring all modalities onto the box around the brain, in their units; unusable ones become problems.

    Raises:
        CohortError: the box has more voxels than `imaging.most_voxels`, or none.
    """
    grid = scan.prepared_grid(spacing_mm, settings.crop_margin_mm, settings.in_plane_crop)
    _check_size(scan, grid, settings.most_voxels)
    return on_grid(scan, tuple(scan.volumes), grid, settings.interpolation)


def own_stack(scan: Scan, stacked: Stack, settings: Imaging) -> Stack | None:
    """Modalities in slices of their own: those of the first one that is present; None if none is.

    Raises:
        CohortError: the box has more voxels than `imaging.most_voxels`, or none.
    """
    family = [modality for modality in settings.own_slices if modality in stacked.images]
    if not family:
        return None
    grid = own_grid(scan.volumes[family[0]].grid, stacked.grid)
    _check_size(scan, grid, settings.most_voxels)
    return on_grid(scan, family, grid, settings.interpolation)


def _check_size(scan: Scan, grid: Grid, most_voxels: int) -> None:
    """Raise CohortError before memory is taken for a grid that is too large."""
    voxels = math.prod(grid.shape)
    if 0 < voxels <= most_voxels:
        return
    shape = "×".join(map(str, grid.shape))
    spacing = "×".join(f"{value:.3g}" for value in grid.spacing_mm)
    what = f"the box around its brain would have {shape} voxels of {spacing} mm"
    raise CohortError(
        [
            *scan.problems,
            Problem(
                scan.subject,
                scan.files[scan.reference],
                f"{what}, {voxels / most_voxels:.3g} times as many as a scan may have ({most_voxels})",
                "correct the spacing in its header, or raise imaging.most_voxels if it is that large; "
                "a new study can also choose a coarser imaging.spacing_mm",
            ),
        ]
    )


def on_grid(scan: Scan, modalities: Sequence[str], grid: Grid, interpolation: Interpolation) -> Stack:
    """Some of the modalities on a grid; those with unusable values become problems."""
    brain = resample(scan.brain.astype(np.uint8), scan.native, grid, order=0).astype(bool)
    images: dict[str, NDArray[np.float32]] = {}
    inside: dict[str, NDArray[np.bool_]] = {}
    factors: dict[str, float] = {}
    unusable: dict[str, NDArray[np.float32]] = {}
    problems = []
    for modality in modalities:
        volume = scan.volumes[modality]
        data = resample(volume.data, volume.grid, grid, ORDERS[interpolation])
        inside[modality] = where = brain & covered(volume.grid, grid)
        if found := fault(data[where], modality):
            problems.append(Problem(scan.subject, scan.files[modality], *found))
            factors[modality], unusable[modality] = 1.0, data
        else:
            factors[modality] = unit_factor(data[where], modality)
            images[modality] = physical(data, modality, factors[modality])
    return Stack(images, inside, factors, unusable, grid, tuple(problems))
