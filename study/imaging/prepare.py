"""One subject from its files to a `Prepared`, in the same way for training and for prediction.

Read and check every file, find the brain, crop to the box around it, resample to the study's spacing, convert
values to their units, normalise inside the brain. All problems of a subject are reported together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import Labels, Subject, SubjectFacts
from study.config import Imaging
from study.errors import CohortError, Problem
from study.imaging.channels.computing import channel_images, channel_stacks
from study.imaging.computed import Computed
from study.imaging.geometry import Centroid
from study.imaging.impute import TRIPLE, computed_stack, sources_of
from study.imaging.intensities import Intensities
from study.imaging.lesion import LesionCenter
from study.imaging.measure import measure
from study.imaging.normalise import Landmarks, Scale, nyul, scale_of, unit_scale, zscore
from study.imaging.plausible import OVERRIDE, certain_problems
from study.imaging.prepared import FOREGROUND_VOXELS, Prepared
from study.imaging.protocol import ImagingProtocol
from study.imaging.register import moved
from study.imaging.resample import covered, resample
from study.imaging.scan import Scan, read_scan
from study.imaging.stack import Stack, on_grid, own_stack, stack
from study.imaging.units import UNITS
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices

__all__ = ["Landmarks", "Prepared", "certain_mistakes", "prepare_images", "prepare_subject"]


def prepare_subject(
    subject: Subject,
    protocol: ImagingProtocol,
    spacing_mm: Sequence[float] | None,
    landmarks: Landmarks | None = None,
    lesion: LesionCenter | None = None,
) -> Prepared:
    """Prepare one subject of a cohort.

    Args:
        subject: its files and facts.
        protocol: what is read, and how it is prepared.
        spacing_mm: slices, rows, columns; None keeps the reference's own.
        landmarks: of imaging.normalisation=nyul.
        lesion: what a model has found, with lesion.source=model.

    Raises:
        CohortError: everything that is wrong with the subject.
    """
    return prepare_images(
        subject.images,
        protocol.modalities,
        protocol.settings,
        spacing_mm,
        masks={name: path for name, path in subject.masks.items() if name in protocol.masks},
        target=protocol.target,
        lesion=lesion,
        landmarks=landmarks,
        b_s_mm2=protocol.b_s_mm2,
        imputes=protocol.imputes,
        subject=subject.label,
        facts=subject.facts,
        labels=subject.labels,
    )


def certain_mistakes(prepared: Prepared, subject: Subject, protocol: ImagingProtocol) -> tuple[Problem, ...]:
    """What is certainly wrong with the images of a prepared subject, unless imaging.implausible=warn."""
    if protocol.settings.implausible == "warn" or prepared.intensities is None:
        return ()
    return certain_problems(prepared.intensities, subject.label, subject.images, OVERRIDE)


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
    b_s_mm2: float | None = None,
    imputes: bool = False,
    subject: str = "input",
    facts: SubjectFacts | None = None,
    labels: Labels | None = None,
) -> Prepared:
    """Prepare loose files of any subset of the modalities.

    `masks` may hold `brain`, the target (`labels`: of a label map), and, beside another target, `lesion`; else `lesion`
    is one that a model found. With `imputes`, of DWI (at `b_s_mm2`), ADC and B0 each is computed from the other two.

    Raises:
        CohortError: everything that is wrong with the files.
        ValueError: normalisation nyul has no landmarks, or what is to be computed no b-value.
    """
    scan = read_scan(
        images,
        modalities,
        settings.reference,
        masks or {},
        target,
        subject,
        lesion=target != "lesion",  # beside the target
        registration=settings.registration,
        most_voxels=settings.most_voxels,
        labels=labels,
    )
    stacked = stack(scan, spacing_mm, settings)
    own, intensities = own_stack(scan, stacked, settings), measure(scan.volumes, stacked)
    made = _computed(scan, stacked, own, settings, b_s_mm2) if imputes else []
    channels = channel_stacks(stacked, settings.channels, b_s_mm2, scan.subject)
    chosen = _checked_landmarks(scan, (stacked, own, *made, *channels), settings, landmarks, intensities)
    return Prepared(
        facts=facts or SubjectFacts(subject),
        image=_normalised(stacked, modalities, settings, chosen),
        present=tuple(modality in stacked.images for modality in modalities),
        grid=stacked.grid,
        native=scan.native,
        own=None if own is None else _own_slices(own, settings, modalities, chosen),
        lesion=_lesion_center(scan, lesion),
        intensities=intensities,
        computed=_normalised_computed(made, settings, modalities, chosen),
        channels=channel_images(channels, settings.channels, modalities, settings.normalisation),
        scales=tuple(_scale(stacked, modality, settings, chosen) for modality in modalities),
        **_reference(scan, stacked.grid),
    )


def _computed(
    scan: Scan, stacked: Stack, own: Stack | None, settings: Imaging, b_s_mm2: float | None
) -> list[Stack]:
    """What takes the place of modalities, on the prepared grid and, if there is one, on that of own slices."""
    if b_s_mm2 is None:
        raise ValueError("imputation needs the b-value of the DWI")
    sources = [name for name in TRIPLE if name in stacked.images]
    grids = [stacked, *([] if own is None else [on_grid(scan, sources, own.grid, settings.interpolation)])]
    return [computed_stack(one, b_s_mm2, scan.subject) for one in grids]


def _normalised_computed(
    made: Sequence[Stack], settings: Imaging, modalities: Sequence[str], landmarks: Landmarks
) -> Computed | None:
    if not made or not made[0].images:
        return None
    names = tuple(made[0].images)
    own = None
    if len(made) > 1:
        family = [name for name in names if name in settings.own_slices]
        shown = replace(made[1], images={name: made[1].images[name] for name in family})
        own = _normalised(shown, names, settings, landmarks)
    return Computed(
        _normalised(made[0], names, settings, landmarks),
        tuple(modalities.index(name) for name in names),
        tuple((modalities.index(one), modalities.index(other)) for one, other in map(sources_of, names)),
        own,
    )


def _checked_landmarks(
    scan: Scan,
    stacks: Sequence[Stack | None],
    settings: Imaging,
    landmarks: Landmarks | None,
    intensities: Intensities,
) -> Landmarks:
    """The landmarks to normalise with; raises CohortError with everything that is wrong with the subject."""
    chosen = landmarks if settings.normalisation == "nyul" else {}
    if chosen is None:
        raise ValueError("imaging.normalisation=nyul needs landmarks, learnt from training subjects")
    values = tuple(problem for each in stacks if each for problem in each.problems)
    reasons = certain_problems(intensities, scan.subject, scan.files) if values else ()
    found = (*scan.problems, *values, *reasons)
    if problems := (*found, *_unlearnt(scan, settings, chosen)):
        raise CohortError(problems)
    return chosen


def _own_slices(own: Stack, settings: Imaging, modalities: Sequence[str], landmarks: Landmarks) -> OwnSlices:
    family = settings.own_slices
    channels = tuple(modalities.index(modality) for modality in family)
    return OwnSlices(_normalised(own, family, settings, landmarks), channels, own.grid)


def _lesion_center(scan: Scan, found: LesionCenter | None) -> Centroid | None:
    """In voxels of the native grid; a lesion that a model has found must first follow its image's registration."""
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
    stacked: Stack, modalities: Sequence[str], settings: Imaging, landmarks: Landmarks
) -> NDArray[np.float32]:
    """The modalities [M, D, H, W], normalised inside the brain; absent ones stay zero."""
    image = np.zeros((len(modalities), *stacked.grid.shape), np.float32)
    for index, modality in enumerate(modalities):
        if modality in stacked.images:
            data, inside = stacked.images[modality], stacked.inside[modality]
            if settings.normalisation == "units":
                _, size = _scale_of(modality, data[inside], settings, landmarks).units
                image[index][inside] = data[inside] / size
                continue
            if modality in landmarks:
                data = data.copy()
                data[inside] = nyul(data[inside], landmarks[modality])
            image[index] = zscore(data, inside)
    return image


def _scale(stacked: Stack, modality: str, settings: Imaging, landmarks: Landmarks) -> Scale | None:
    if modality not in stacked.images:
        return None
    return _scale_of(modality, stacked.images[modality][stacked.inside[modality]], settings, landmarks)


def _scale_of(modality: str, values: NDArray[np.float32], settings: Imaging, landmarks: Landmarks) -> Scale:
    """How the normalised values of a modality, of which those in the brain are given [N], are read in its unit."""
    if settings.normalisation == "units":
        return unit_scale(values, has_unit=modality.upper() in UNITS)
    return scale_of(values, landmarks.get(modality))


def _reference(scan: Scan, grid: Grid) -> dict[str, Any]:
    """The fields of `Prepared` that say where the target is, on a grid."""
    if scan.target is None:
        return {"target": None, "foreground": _foreground(None), "native_target": None}
    mask = resample(scan.target.data, scan.native, grid, order=0)
    outside = (scan.target.data > 0) & ~covered(grid, scan.native)
    return {
        "target": mask,
        "foreground": _foreground(mask),
        "native_target": scan.target.data,
        "outside_ml": float(np.count_nonzero(outside)) * scan.native.voxel_volume_ml,
    }


def _foreground(mask: NDArray[np.uint8] | None) -> NDArray[np.int16]:
    voxels = np.argwhere(mask) if mask is not None else np.empty((0, 3))
    if len(voxels) > FOREGROUND_VOXELS:
        kept = np.random.default_rng(0).choice(len(voxels), FOREGROUND_VOXELS, replace=False)
        voxels = voxels[np.sort(kept)]
    return voxels.astype(np.int16)
