"""Nyúl landmarks, learnt from training subjects only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np

from study.cohort.records import Cohort, Subject
from study.errors import CohortError
from study.imaging.protocol import ImagingProtocol
from study.imaging.scan import read_scan
from study.imaging.stack import stack
from study.machine.processes import map_processes
from study.machine.progress import Progress, unwatched
from study.machine.temporary import temporary_folder


def learn_landmarks(
    cohort: Cohort,
    keys: Sequence[str],
    protocol: ImagingProtocol,
    spacing_mm: Sequence[float],
    progress: Progress = unwatched,
) -> dict[str, list[float]]:
    """13 landmarks per modality from the brains of some subjects (the training subjects), with TorchIO.

    Empty unless imaging.normalisation=nyul. Subjects with problems are skipped: `prepare_cohort` names them. A
    modality that none of the subjects has gets no landmarks.
    """
    if protocol.settings.normalisation != "nyul":
        return {}
    from torchio import HistogramStandardization

    with temporary_folder("landmarks") as folder:
        task = partial(_write_brain, protocol=protocol, spacing_mm=tuple(spacing_mm))
        jobs = [(cohort[key], folder / str(number)) for number, key in enumerate(keys)]
        written = map_processes(task, jobs, "learning intensities", progress)
        landmarks = {}
        for modality in protocol.modalities:
            if pairs := [files[modality] for files in written if modality in files]:
                images, masks = zip(*pairs, strict=True)
                learnt = HistogramStandardization.train(images, mask_path=masks, progress=False)
                landmarks[modality] = [float(value) for value in learnt]
    return landmarks


def _write_brain(
    job: tuple[Subject, Path], protocol: ImagingProtocol, spacing_mm: Sequence[float]
) -> Mapping[str, tuple[Path, Path]]:
    """Write each modality as TorchIO reads it, image and brain; nothing for a subject with problems."""
    subject, folder = job
    modalities, settings = protocol.modalities, protocol.settings
    try:
        scan = read_scan(
            subject.images,
            modalities,
            settings.reference,
            subject.masks,
            None,
            subject.label,
            registration=settings.registration,
            most_voxels=settings.most_voxels,
        )
        stacked = stack(scan, spacing_mm, settings)
    except CohortError:
        return {}
    if scan.problems or stacked.problems:
        return {}
    folder.mkdir()
    files = {}
    for modality, data in stacked.images.items():
        files[modality] = folder / f"{modality}.nii", folder / f"{modality}_brain.nii"
        inside = stacked.inside[modality].astype(np.uint8)
        for path, array in zip(files[modality], (data, inside), strict=True):
            nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    return files
