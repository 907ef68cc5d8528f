"""What the training subjects look like, for planning spacing and network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from study.cohort.records import Cohort, Subject
from study.errors import CohortError, Problem
from study.imaging.protocol import ImagingProtocol
from study.imaging.scan import read_scan
from study.imaging.volume import Grid
from study.machine.processes import map_processes
from study.machine.progress import Progress, unwatched

ANISOTROPY = (
    3.0  # ratio from which an axis counts as coarse (nnU-Net: Isensee 2021, doi:10.1038/s41592-020-01008-z)
)


@dataclass(frozen=True)
class Fingerprint:
    """What networks are planned from.

    Attributes:
        spacing_mm: to train at; slices, rows, columns.
        median_shape: of the boxes around brains, in voxels of that spacing; slices, rows, columns.
        subjects: number of subjects that it was taken from.
    """

    spacing_mm: tuple[float, float, float]
    median_shape: tuple[int, int, int]
    subjects: int


def fingerprint(
    cohort: Cohort, keys: Sequence[str], protocol: ImagingProtocol, progress: Progress = unwatched
) -> Fingerprint:
    """The fingerprint of some subjects (the training subjects), with imaging.spacing_mm if it is set.

    Subjects that cannot be read are skipped: `prepare_cohort` names the problems of all. `progress` is told of each
    subject that is read.

    Raises:
        CohortError: none can be read.
    """
    settings = protocol.settings
    subjects = [cohort[key] for key in keys]
    found = map_processes(partial(_box, protocol=protocol), subjects, "reading subjects", progress)
    boxes = [box for box in found if isinstance(box, Grid)]
    if not boxes:
        raise CohortError(
            cohort.shown(problem for error in found if isinstance(error, tuple) for problem in error)
        )
    spacing_mm = settings.spacing_mm or target_spacing_mm(boxes)
    shapes = [box.with_spacing(spacing_mm).shape for box in boxes]
    if (in_plane := settings.in_plane_crop) is not None:
        shapes = [(depth, *in_plane) for depth, _, _ in shapes]
    depth, height, width = (int(size) for size in np.rint(np.median(shapes, axis=0)))
    return Fingerprint(spacing_mm, (depth, height, width), len(boxes))


def target_spacing_mm(boxes: Sequence[Grid]) -> tuple[float, float, float]:
    """nnU-Net's spacing: the median; on an axis that is coarse in spacing and in size, the 10th percentile.

    Coarse: more than three times the other axes' spacing, and less than a third of their size in voxels.
    The result is never finer than the other axes' spacing.
    """
    spacings = np.array([box.spacing_mm for box in boxes])
    sizes = np.median([box.shape for box in boxes], axis=0)
    spacing = np.median(spacings, axis=0)
    axis = int(np.argmax(spacing))
    others = [i for i in range(3) if i != axis]
    finest = float(spacing[others].max())
    if spacing[axis] > ANISOTROPY * finest and sizes[axis] * ANISOTROPY < sizes[others].min():
        spacing[axis] = max(float(np.percentile(spacings[:, axis], 10)), finest)
    depth, height, width = (round(float(value), 6) for value in spacing)
    return depth, height, width


def _box(subject: Subject, protocol: ImagingProtocol) -> Grid | tuple[Problem, ...]:
    """The box around the brain on the reference's grid, or the subject's problems if it cannot be read."""
    settings = protocol.settings
    modalities = [modality for modality in protocol.modalities if modality in subject.images]
    reference = settings.reference if settings.reference in modalities else next(iter(modalities), None)
    wanted = [reference] if reference else list(protocol.modalities)
    try:
        scan = read_scan(
            subject.images,
            wanted,
            reference,
            subject.masks,
            None,
            subject.label,
            most_voxels=settings.most_voxels,
        )
    except CohortError as error:
        return error.problems
    return scan.problems or scan.prepared_grid(None, settings.crop_margin_mm)
