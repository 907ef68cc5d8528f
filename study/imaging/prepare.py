"""One subject from its files to a `Prepared`: the same way for training and for prediction.

Read and check every file, find the brain, take the box around it, resample to the study's spacing, bring
values to their units, normalise inside the brain. All that is wrong with a subject is reported together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import Subject
from study.config import Config, Imaging
from study.errors import CohortError, Problem
from study.imaging.geometry import Centroid
from study.imaging.lesion import LesionCenter
from study.imaging.normalise import Landmarks, nyul, zscore
from study.imaging.prepared import FOREGROUND_VOXELS, Prepared
from study.imaging.register import moved
from study.imaging.resample import covered, resample
from study.imaging.scan import Scan, read_scan
from study.imaging.units import fault, physical
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices, own_grid

__all__ = ["Landmarks", "Prepared", "Stack", "prepare_images", "prepare_subject", "stack"]


@dataclass(frozen=True, eq=False)
class Stack:
    """Modalities of a subject on one grid, in their units, before normalisation.

    Attributes:
        images: present modalities, float32 [D, H, W].
        inside: where the brain lies in each, bool [D, H, W].
        grid: of all arrays.
        problems: what is wrong with values of modalities that are left out here.
    """

    images: Mapping[str, NDArray[np.float32]]
    inside: Mapping[str, NDArray[np.bool_]]
    grid: Grid
    problems: tuple[Problem, ...]


def prepare_subject(
    subject: Subject,
    config: Config,
    spacing_mm: Sequence[float] | None,
    landmarks: Landmarks | None = None,
    lesion: LesionCenter | None = None,
) -> Prepared:
    """Prepare one subject of a cohort; `spacing_mm` (slices, rows, columns) None keeps the reference's own.

    `lesion` is what a model has found (lesion.source=model).

    Raises CohortError with everything that is wrong with the subject.
    """
    return prepare_images(
        subject.images,
        config.cohort.modalities,
        config.imaging,
        spacing_mm,
        masks={name: path for name, path in subject.masks.items() if name in config.used_masks},
        target=config.cohort.target,
        lesion=lesion,
        landmarks=landmarks,
        subject=subject.id,
        key=subject.key,
    )


def prepare_images(
    images: Mapping[str, Path],
    modalities: Sequence[str],
    settings: Imaging,
    spacing_mm: Sequence[float] | None,
    *,
    masks: Mapping[str, Path] | None = None,
    target: str | None = None,
    lesion: LesionCenter | None = None,
    landmarks: Landmarks | None = None,
    subject: str = "input",
    key: str = "",
) -> Prepared:
    """Prepare loose files of any subset of the modalities.

    `masks` may hold `brain`, the target, and, where the target is another, `lesion`. `lesion` is one that a model has
    found on the grid of one of the images; it is taken where there is no mask.

    Raises CohortError with everything that is wrong, ValueError if normalisation nyul has no landmarks.
    """
    scan = read_scan(
        images,
        modalities,
        settings.reference,
        masks or {},
        target,
        subject,
        lesion=target != "lesion",
        registration=settings.registration,
    )
    stacked = stack(scan, spacing_mm, settings)
    own = _own_stack(scan, stacked, settings)
    chosen = landmarks if settings.normalisation == "nyul" else {}
    if chosen is None:
        raise ValueError("imaging.normalisation=nyul needs landmarks, learnt from training subjects")
    found = (*scan.problems, *stacked.problems, *(own.problems if own else ()))
    if problems := (*found, *_unlearnt(scan, settings, chosen)):
        raise CohortError(problems)
    native_target = scan.target.data if scan.target else None
    mask = None if native_target is None else resample(native_target, scan.native, stacked.grid, order=0)
    return Prepared(
        key=key,
        image=_normalised(stacked, modalities, chosen),
        present=tuple(modality in stacked.images for modality in modalities),
        target=mask,
        foreground=_foreground(mask),
        grid=stacked.grid,
        native=scan.native,
        native_target=native_target,
        own=None if own is None else _own_slices(own, settings.own_slices, modalities, chosen),
        outside_ml=0.0 if native_target is None else _outside_ml(native_target, scan.native, stacked.grid),
        lesion=_lesion_center(scan, lesion),
    )


def stack(scan: Scan, spacing_mm: Sequence[float] | None, settings: Imaging) -> Stack:
    """Bring all modalities onto the box around the brain, in their units; unusable ones become problems."""
    grid = scan.prepared_grid(spacing_mm, settings.crop_margin_mm, settings.in_plane_crop)
    return _on_grid(scan, tuple(scan.volumes), grid)


def _own_stack(scan: Scan, stacked: Stack, settings: Imaging) -> Stack | None:
    """Modalities in their own slices, those of the first one that there is; None if there is none."""
    family = [modality for modality in settings.own_slices if modality in stacked.images]
    if not family:
        return None
    return _on_grid(scan, family, own_grid(scan.volumes[family[0]].grid, stacked.grid))


def _own_slices(
    own: Stack, family: Sequence[str], modalities: Sequence[str], landmarks: Landmarks
) -> OwnSlices:
    channels = tuple(modalities.index(modality) for modality in family)
    return OwnSlices(_normalised(own, family, landmarks), channels, own.grid)


def _on_grid(scan: Scan, modalities: Sequence[str], grid: Grid) -> Stack:
    """Some of the modalities on a grid; those with unusable values become problems."""
    brain = resample(scan.brain.astype(np.uint8), scan.native, grid, order=0).astype(bool)
    images: dict[str, NDArray[np.float32]] = {}
    inside: dict[str, NDArray[np.bool_]] = {}
    problems = []
    for modality in modalities:
        volume = scan.volumes[modality]
        data = resample(volume.data, volume.grid, grid, order=1)
        where = brain & covered(volume.grid, grid)
        if found := fault(data[where], modality):
            problems.append(Problem(scan.subject, scan.files[modality], *found))
        else:
            images[modality], inside[modality] = physical(data, modality, where), where
    return Stack(images, inside, grid, tuple(problems))


def _lesion_center(scan: Scan, found: LesionCenter | None) -> Centroid | None:
    """In voxels of the native grid; a lesion that was found by a model has yet to follow the images."""
    lesion = scan.lesion
    if lesion is None and found is not None:
        lesion = LesionCenter(found.voxel, moved(found.grid, scan.motions))
    return None if lesion is None else lesion.on(scan.native)


def _unlearnt(scan: Scan, settings: Imaging, landmarks: Landmarks) -> list[Problem]:
    if settings.normalisation != "nyul":
        return []
    what = "no training subject has {}, so that no intensity landmarks are learnt for it"
    remedy = "use imaging.normalisation=zscore, or leave this modality out"
    return [
        Problem(scan.subject, scan.files[modality], what.format(modality), remedy)
        for modality in scan.volumes
        if modality not in landmarks
    ]


def _normalised(stacked: Stack, modalities: Sequence[str], landmarks: Landmarks) -> NDArray[np.float32]:
    """The modalities [M, D, H, W], normalised inside the brain; absent ones stay zero."""
    image = np.zeros((len(modalities), *stacked.grid.shape), np.float32)
    for index, modality in enumerate(modalities):
        if modality in stacked.images:
            data, inside = stacked.images[modality], stacked.inside[modality]
            if modality in landmarks:
                data = data.copy()
                data[inside] = nyul(data[inside], landmarks[modality])
            image[index] = zscore(data, inside)
    return image


def _outside_ml(target: NDArray[np.uint8], native: Grid, grid: Grid) -> float:
    """How much of a mask on the native grid lies outside another one's box."""
    return float(np.count_nonzero((target > 0) & ~covered(grid, native))) * native.voxel_volume_ml


def _foreground(mask: NDArray[np.uint8] | None) -> NDArray[np.int16]:
    voxels = np.argwhere(mask) if mask is not None else np.empty((0, 3))
    if len(voxels) > FOREGROUND_VOXELS:
        kept = np.random.default_rng(0).choice(len(voxels), FOREGROUND_VOXELS, replace=False)
        voxels = voxels[np.sort(kept)]
    return voxels.astype(np.int16)
