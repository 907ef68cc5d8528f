"""The files of one subject, read and checked together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import Labels
from study.config.imaging import MOST_VOXELS
from study.errors import CohortError, Problem
from study.imaging.brain import derive_brain
from study.imaging.geometry import alignment_fault, bounding_box, context_fault, same_grid, target_fault
from study.imaging.lesion import LesionCenter
from study.imaging.read import read_mask, read_volume
from study.imaging.register import Motion, find_motions, moved
from study.imaging.resample import grid_mapping, resample
from study.imaging.units import is_magnitude
from study.imaging.volume import Grid, Volume


@dataclass(frozen=True, eq=False)
class Scan:
    """What could be read of one subject.

    Attributes:
        subject: its name in problems.
        files: modality or mask name to file, of what the study uses.
        volumes: modality to volume, each on its own grid.
        reference: the modality whose grid is predicted on.
        brain: bool [D, H, W] on the reference's grid.
        target: mask on the reference's grid; None if there is none.
        lesion: center of a lesion mask beside the target; None if there is none or it is empty.
        motions: found by registration, and already applied to volumes, brain and lesion.
        problems: what is wrong with files that are left out of `volumes`.
    """

    subject: str
    files: Mapping[str, Path]
    volumes: Mapping[str, Volume]
    reference: str
    brain: NDArray[np.bool_]
    target: Volume | None
    lesion: LesionCenter | None
    motions: tuple[Motion, ...]
    problems: tuple[Problem, ...]

    @property
    def native(self) -> Grid:
        """The reference modality's grid."""
        return self.volumes[self.reference].grid

    def prepared_grid(
        self,
        spacing_mm: Sequence[float] | None,
        margin_mm: float,
        in_plane: tuple[int, int] | None = None,
    ) -> Grid:
        """The box around the brain at a spacing; None keeps the reference's own.

        With `in_plane`, the box has all slices of the brain and that many rows and columns around its centre of
        mass; it may reach beyond the scan.
        """
        start, stop = bounding_box(self.brain)
        margin = np.ceil(margin_mm / np.asarray(self.native.spacing_mm) - 1e-6).astype(int)
        start, stop = np.maximum(start - margin, 0), np.minimum(stop + margin, self.native.shape)
        box = self.native.cropped(start.tolist(), stop.tolist())
        grid = box.with_spacing(spacing_mm) if spacing_mm else box
        return grid if in_plane is None else self._around_center(grid, in_plane)

    def _around_center(self, grid: Grid, in_plane: tuple[int, int]) -> Grid:
        center = [float(np.mean(index)) for index in np.nonzero(self.brain)]
        middle = (grid_mapping(grid, self.native) @ [*center, 1])[1:3]
        rows, columns = np.ceil(middle - np.array(in_plane) / 2).astype(int).tolist()
        return grid.cropped([0, rows, columns], [grid.shape[0], rows + in_plane[0], columns + in_plane[1]])


def read_scan(
    images: Mapping[str, Path],
    modalities: Sequence[str],
    reference: str | None,
    masks: Mapping[str, Path],
    target: str | None,
    subject: str,
    *,
    lesion: bool = False,
    registration: Literal["headers", "rigid"] = "headers",
    most_voxels: int = MOST_VOXELS,
    labels: Labels | None = None,
) -> Scan:
    """Read the files of one subject that the study uses, check that they fit together, and register them on request.

    Args:
        images: modality to file.
        modalities: of the study; others are not read.
        reference: the modality whose grid is predicted on; None, or one that is absent, means the first present.
        masks: name to file; `brain` and the target are read.
        target: what is segmented; None reads no mask of it.
        subject: its name in problems.
        lesion: also read the mask `lesion`, where that is not the target.
        registration: see `study.imaging.register`.
        most_voxels: of one file (`imaging.most_voxels`).
        labels: of the target's mask, where it is a label map.

    Raises:
        CohortError: all problems, if there is no reference to check the rest against, or no brain in it.
    """
    files = _choose_files(images, modalities, reference, masks, target, subject, lesion=lesion)
    volumes, problems = _read(files, most_voxels, labels)
    if files.reference not in volumes:
        raise CohortError(problems)
    misplaced = _misplaced(volumes, files)
    problems.extend(misplaced.values())
    volumes = {name: volume for name, volume in volumes.items() if name not in misplaced}
    motions: list[Motion] = []
    if registration == "rigid":
        motions, unregistered = _register(volumes, files)
        problems.extend(unregistered)
        volumes = {name: Volume(volume.data, moved(volume.grid, motions)) for name, volume in volumes.items()}
    found = {name: volumes.pop(name) for name in files.masks if name in volumes}
    brain = _brain(volumes, found.get("brain"), files.reference)
    if not brain.any():
        raise CohortError([*problems, _no_brain(files)])
    return Scan(
        subject=subject,
        files=files.all,
        volumes=volumes,
        reference=files.reference,
        brain=brain,
        target=found.get(target or ""),
        lesion=LesionCenter.of(found["lesion"]) if lesion and "lesion" in found else None,
        motions=tuple(motions),
        problems=tuple(problems),
    )


@dataclass(frozen=True)
class _Files:
    """The files of a subject that are read: those of the study's modalities and masks."""

    subject: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    reference: str
    target: str | None

    @property
    def all(self) -> dict[str, Path]:
        return {**self.images, **self.masks}


def _choose_files(
    images: Mapping[str, Path],
    modalities: Sequence[str],
    reference: str | None,
    masks: Mapping[str, Path],
    target: str | None,
    subject: str,
    *,
    lesion: bool,
) -> _Files:
    """What is read of a subject; raises CohortError where it has none of the modalities."""
    chosen = {modality: images[modality] for modality in modalities if modality in images}
    wanted = ("brain", target, "lesion" if lesion else None)
    chosen_masks = {name: masks[name] for name in wanted if name is not None and name in masks}
    if not chosen:
        remedy = f"give at least one of {', '.join(modalities)}, or leave the subject out"
        raise CohortError([Problem(subject, None, "it has no modality of the study", remedy)])
    first = next(iter(chosen))
    return _Files(subject, chosen, chosen_masks, reference if reference in chosen else first, target)


def _no_brain(files: _Files) -> Problem:
    file = files.masks.get("brain", files.images[files.reference])
    remedy = "give images with signal, or a brain mask that is not empty"
    return Problem(files.subject, file, "no brain is found in it", remedy)


def _read(files: _Files, most_voxels: int, labels: Labels | None) -> tuple[dict[str, Volume], list[Problem]]:
    """Images and masks that can be read, and what is wrong with the others."""
    problems: list[Problem] = []
    volumes: dict[str, Volume] = {}
    for name, path in files.all.items():
        try:
            if name in files.masks:
                own = labels if name == files.target else None
                volumes[name] = read_mask(path, files.subject, most_voxels, own)
            else:
                volumes[name] = read_volume(path, files.subject, most_voxels)
        except CohortError as error:
            problems.extend(error.problems)
    return volumes, problems


def _register(volumes: Mapping[str, Volume], files: _Files) -> tuple[list[Motion], list[Problem]]:
    """Motions of the images, and the problems of registrations that are not plausible."""
    images = {name: volume for name, volume in volumes.items() if name in files.images}
    motions, faults = find_motions(images, files.reference)
    remedy = (
        f"register it to {files.reference} yourself and correct its header, or leave it out; "
        "imaging.registration=headers trusts the headers of all"
    )
    return motions, [Problem(files.subject, files.all[name], what, remedy) for name, what in faults.items()]


def _misplaced(volumes: Mapping[str, Volume], files: _Files) -> dict[str, Problem]:
    """Problems of volumes that do not fit the reference's grid; the target must lie on that grid itself."""
    reference, grid = files.reference, volumes[files.reference].grid
    images = {name: volumes[name].grid for name in files.images if name in volumes}
    problems = {}
    for name, volume in volumes.items():
        if name in files.images or name == "brain":
            what = alignment_fault(volume.grid, grid)
            remedy = f"register it to {reference}, or correct its header"
        elif name != files.target:
            what = context_fault(volume.grid, grid, list(images.values()))
            remedy = "bring it onto the grid of the image that it was drawn on, or leave it out"
        else:
            what = target_fault(volume.grid, grid)
            remedy = f"bring the mask onto the grid of {reference} with nearest neighbour"
            fitting = [image for image, other in images.items() if same_grid(volume.grid, other)]
            if fitting:
                remedy = f"it fits {fitting[0]}: set imaging.reference={fitting[0]}, or {remedy}"
        if what:
            problems[name] = Problem(files.subject, files.all[name], what, remedy)
    return problems


def _brain(volumes: Mapping[str, Volume], given: Volume | None, reference: str) -> NDArray[np.bool_]:
    """The given brain mask, or one derived from the reference (or the first magnitude image) [D, H, W]."""
    grid = volumes[reference].grid
    if given is None:
        order = (reference, *volumes)
        source = volumes[next((name for name in order if is_magnitude(name)), reference)]
        given = Volume(derive_brain(source).astype(np.uint8), source.grid)
    return resample(given.data, given.grid, grid, order=0).astype(bool)
