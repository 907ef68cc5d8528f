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
from study.imaging.prepared import Prepared
from study.imaging.register import moved
from study.imaging.resample import covered, resample
from study.imaging.scan import Scan, read_scan
from study.imaging.units import fault, physical
from study.imaging.volume import Grid

__all__ = ["Landmarks", "Prepared", "Stack", "prepare_images", "prepare_subject", "stack"]

FOREGROUND_VOXELS = 10_000


@dataclass(frozen=True, eq=False)
class Stack:
    """A subject's modalities on the prepared grid, in their units, before normalisation.

    Attributes:
        images: present modalities, float32 [D, H, W].
        inside: where the brain lies in each, bool [D, H, W].
        grid: the prepared grid.
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
    stacked = stack(scan, spacing_mm, settings.crop_margin_mm)
    chosen = landmarks if settings.normalisation == "nyul" else {}
    if chosen is None:
        raise ValueError("imaging.normalisation=nyul needs landmarks, learnt from training subjects")
    if problems := (*scan.problems, *stacked.problems, *_unlearnt(scan, settings, chosen)):
        raise CohortError(problems)
    image = np.zeros((len(modalities), *stacked.grid.shape), np.float32)
    for index, modality in enumerate(modalities):
        if modality in stacked.images:
            inside = stacked.inside[modality]
            image[index] = _normalised(stacked.images[modality], inside, chosen.get(modality))
    native_target = scan.target.data if scan.target else None
    mask = None if native_target is None else resample(native_target, scan.native, stacked.grid, order=0)
    return Prepared(
        key=key,
        image=image,
        present=tuple(modality in stacked.images for modality in modalities),
        target=mask,
        foreground=_foreground(mask),
        grid=stacked.grid,
        native=scan.native,
        native_target=native_target,
        lesion=_lesion_center(scan, lesion),
    )


def stack(scan: Scan, spacing_mm: Sequence[float] | None, margin_mm: float) -> Stack:
    """Bring all modalities onto the box around the brain, in their units; unusable ones become problems."""
    grid = scan.prepared_grid(spacing_mm, margin_mm)
    brain = resample(scan.brain.astype(np.uint8), scan.native, grid, order=0).astype(bool)
    images: dict[str, NDArray[np.float32]] = {}
    inside: dict[str, NDArray[np.bool_]] = {}
    problems = []
    for modality, volume in scan.volumes.items():
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


def _normalised(
    data: NDArray[np.float32], inside: NDArray[np.bool_], landmarks: Sequence[float] | None
) -> NDArray[np.float32]:
    if landmarks is not None:
        data = data.copy()
        data[inside] = nyul(data[inside], landmarks)
    return zscore(data, inside)


def _foreground(mask: NDArray[np.uint8] | None) -> NDArray[np.int16]:
    voxels = np.argwhere(mask) if mask is not None else np.empty((0, 3))
    if len(voxels) > FOREGROUND_VOXELS:
        kept = np.random.default_rng(0).choice(len(voxels), FOREGROUND_VOXELS, replace=False)
        voxels = voxels[np.sort(kept)]
    return voxels.astype(np.int16)
