"""Small subjects on disk, and configurations that prepare them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from study.cohort.records import Subject
from study.config import Config, validate

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])  # x, y, z
SHAPE = (14, 12, 8)  # x, y, z


@pytest.fixture
def write_nifti(tmp_path: Path) -> Callable[..., Path]:
    """Write an array [x, y, z] under a name; returns the path."""

    def write(name: str, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(nib.Nifti1Image(array, affine), path)
        return path

    return write


@pytest.fixture
def brain_image() -> np.ndarray:
    """A skull-stripped image [x, y, z]: a textured box of 8×6×4 voxels in zeros."""
    image = np.zeros(SHAPE, np.float32)
    image[3:11, 3:9, 2:6] = np.random.default_rng(0).uniform(0.6, 1.4, (8, 6, 4))
    return image


@pytest.fixture
def make_subject(write_nifti: Callable[..., Path], brain_image: np.ndarray) -> Callable[..., Subject]:
    """A subject with DWI, ADC and a lesion of 8 voxels; arrays replace theirs, None drops a file."""

    def make(name: str = "one", affine: np.ndarray = AFFINE, **arrays: np.ndarray | None) -> Subject:
        lesion = np.zeros(SHAPE, np.uint8)
        lesion[5:7, 4:6, 3:5] = 1
        # Another texture in every subject, so that no two share their bytes.
        gain = 100 + sum(name.encode())
        content: dict[str, np.ndarray | None] = {
            "DWI": brain_image * gain,
            "ADC": brain_image,
            "lesion": lesion,
        }
        content |= arrays
        files = {
            role: write_nifti(f"{name}/{role}.nii.gz", array, affine)
            for role, array in content.items()
            if array is not None
        }
        masks = {role: files.pop(role) for role in ("lesion", "thrombus", "brain") if role in files}
        return Subject(name, name, "CENTER", f"CENTER-{name}", files, masks)

    return make


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """A configuration with its cache in the test's folder; dotted paths replace values."""

    def make(values: Mapping[str, Any] | None = None) -> Config:
        content: dict[str, Any] = {
            "study": {"name": "test"},
            "cohort": {"modalities": ["DWI", "ADC"]},
            "modality_dropout": {"droppable": ["ADC"]},
            "imaging": {"cache": str(tmp_path / "cache"), "crop_margin_mm": 0.0},
        }
        return validate(content).with_values(values or {})

    return make
