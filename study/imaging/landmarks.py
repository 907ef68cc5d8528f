"""Nyúl landmarks, learnt from training subjects only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel as nib
import numpy as np

from study.cohort.records import Cohort, Subject
from study.config import Config
from study.errors import CohortError
from study.imaging.parallel import map_processes
from study.imaging.prepare import stack
from study.imaging.scan import read_scan


def learn_landmarks(
    cohort: Cohort, keys: Sequence[str], config: Config, spacing_mm: Sequence[float]
) -> dict[str, list[float]]:
    """13 landmarks per modality from the brains of some subjects (the training subjects), with TorchIO.

    Subjects with problems are left to `prepare_cohort`, which names them. A modality that no subject has is
    left out: there is nothing to learn it from.
    """
    from torchio import HistogramStandardization

    subjects = {subject.key: subject for subject in cohort.subjects}
    with TemporaryDirectory(prefix="fadeout-landmarks-") as folder:
        task = partial(_write_brain, config=config, spacing_mm=tuple(spacing_mm))
        jobs = [(subjects[key], Path(folder) / str(number)) for number, key in enumerate(keys)]
        written = map_processes(task, jobs)
        landmarks = {}
        for modality in config.cohort.modalities:
            if files := [files[modality] for files in written if modality in files]:
                learnt = HistogramStandardization.train(files, masking_function=_in_brain, progress=False)
                landmarks[modality] = [float(value) for value in learnt]
    return landmarks


def _in_brain(tensor: Any) -> Any:
    return np.isfinite(tensor.numpy())


def _write_brain(
    job: tuple[Subject, Path], config: Config, spacing_mm: Sequence[float]
) -> Mapping[str, Path]:
    """Each modality as TorchIO reads it, NaN outside the brain; nothing for a subject with problems."""
    subject, folder = job
    modalities, settings = config.cohort.modalities, config.imaging
    try:
        scan = read_scan(subject.images, modalities, settings.reference, subject.masks, None, subject.id)
    except CohortError:
        return {}
    stacked = stack(scan, spacing_mm, settings.crop_margin_mm)
    if scan.problems or stacked.problems:
        return {}
    folder.mkdir()
    files = {}
    for modality, data in stacked.images.items():
        files[modality] = folder / f"{modality}.nii"
        marked = np.where(stacked.inside[modality], data, np.float32("nan"))
        nib.save(nib.Nifti1Image(marked, np.eye(4)), files[modality])
    return files
