"""Small cohorts on disk, and settings that read them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from study.cohort.records import Cohort, Subject
from study.config import CohortConfig, validate


@pytest.fixture
def nifti() -> Callable[[Path], Path]:
    """Writes a NIfTI file of 8 voxels, which are other ones for each path."""

    def write(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        voxels = np.frombuffer(hashlib.sha256(str(path).encode()).digest()[:8], np.uint8)
        nib.save(nib.Nifti1Image(voxels.reshape(2, 2, 2), np.eye(4)), path)
        return path

    return write


@pytest.fixture
def configure() -> Callable[..., CohortConfig]:
    """The section `cohort` with these settings, and no unseen center unless one is given."""

    def build(**cohort: Any) -> CohortConfig:
        settings = {"modalities": ["DWI", "ADC"], "unseen": [], **cohort}
        content = {"study": {"name": "test"}, "cohort": settings, "modality_dropout": {"droppable": []}}
        return validate(content).cohort

    return build


@pytest.fixture
def gather() -> Callable[[Iterable[tuple[str, str, str]]], Cohort]:
    """A cohort without files of (center, id, patient), all with a lesion mask."""
    return gathered


def gathered(people: Iterable[tuple[str, str, str]]) -> Cohort:
    subjects = [
        Subject(
            id=identity,
            patient=patient,
            center=center,
            key=f"{center}-{identity}",
            images={"DWI": Path(f"/nowhere/{identity}.nii.gz")},
            masks={"lesion": Path(f"/nowhere/{identity}_lesion.nii.gz")},
        )
        for center, identity, patient in people
    ]
    return Cohort(tuple(subjects))
