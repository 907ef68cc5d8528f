"""Nyúl landmarks, learnt from training subjects only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel as nib
import numpy as np

from study.cohort.records import Cohort, Subject
from study.config import Config
from study.errors import CohortError
from study.imaging.prepare import stack
from study.imaging.scan import read_scan
from study.parallel import map_processes


def learn_landmarks(
    cohort: Cohort, keys: Sequence[str], config: Config, spacing_mm: Sequence[float]
) -> dict[str, list[float]]:
    """13 landmarks per modality from the brains of some subjects (the training subjects), with TorchIO.

    Empty unless imaging.normalisation=nyul. Subjects with problems are left to `prepare_cohort`, which names
    them. A modality that no subject has is left out: there is nothing to learn it from.
    """
    if config.imaging.normalisation != "nyul":
        return {}
    from torchio import HistogramStandardization

    with TemporaryDirectory(prefix="fadeout-landmarks-") as folder:
        task = partial(_write_brain, config=config, spacing_mm=tuple(spacing_mm))
        jobs = [(cohort[key], Path(folder) / str(number)) for number, key in enumerate(keys)]
        written = map_processes(task, jobs)
        landmarks = {}
        for modality in config.cohort.modalities:
            if pairs := [files[modality] for files in written if modality in files]:
                images, masks = zip(*pairs, strict=True)
                learnt = HistogramStandardization.train(images, mask_path=masks, progress=False)
                landmarks[modality] = [float(value) for value in learnt]
    return landmarks


def _write_brain(
    job: tuple[Subject, Path], config: Config, spacing_mm: Sequence[float]
) -> Mapping[str, tuple[Path, Path]]:
    """Each modality as TorchIO reads it, image and brain; nothing for a subject with problems."""
    subject, folder = job
    modalities, settings = config.cohort.modalities, config.imaging
    try:
        scan = read_scan(
            subject.images,
            modalities,
            settings.reference,
            subject.masks,
            None,
            subject.id,
            registration=settings.registration,
        )
    except CohortError:
        return {}
    stacked = stack(scan, spacing_mm, settings)
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
