"""A cohort of three hospitals in a CSV, scans of a few kilobytes, and settings that train in seconds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from later_wins import later_wins

SHAPE = (20, 24, 12)  # x, y, z
CENTERS = {"North": ("DWI", "ADC", "B0"), "South": ("DWI", "ADC", "B0"), "Abroad": ("DWI", "ADC")}
SUBJECTS = 5


def write_nifti(path: Path, data: np.ndarray[Any, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.diag([3.0, 3.0, 4.0, 1.0])), path)
    return path


def write_subject(folder: Path, modalities: tuple[str, ...], seed: int) -> dict[str, str]:
    """An ellipsoid with a bright lesion of low ADC; returns the columns of the CSV."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1.1, 1.1, size) for size in SHAPE), indexing="ij")
    brain = sum(axis**2 for axis in axes) < 1
    place = rng.uniform(-0.3, 0.3, 3)
    lesion = sum((axis - at) ** 2 for axis, at in zip(axes, place, strict=True)) < 0.12
    means = {"DWI": (100.0, 200.0), "ADC": (0.9, 0.4), "B0": (300.0, 330.0)}
    columns = {}
    for modality in modalities:
        healthy, ischemic = means[modality]
        values = np.where(lesion, ischemic, healthy) * (1 + 0.05 * rng.normal(size=SHAPE))
        columns[modality] = str(
            write_nifti(folder / f"{modality}.nii.gz", (values * brain).astype(np.float32))
        )
    columns["lesion"] = str(write_nifti(folder / "lesion.nii.gz", (lesion & brain).astype(np.uint8)))
    return columns


@pytest.fixture
def hospitals(tmp_path: Path) -> list[dict[str, str]]:
    """The rows of the CSV, scans written."""
    rows = []
    for number, (center, modalities) in enumerate(CENTERS.items()):
        for index in range(SUBJECTS):
            name = f"{center.lower()}{index}"
            columns = write_subject(tmp_path / "scans" / name, modalities, 100 * number + index)
            rows.append({"subject": name, "patient": name, "center": center, "B0": "", **columns})
    return rows


@pytest.fixture
def arguments(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes rows to a CSV and returns the arguments of a short training on them; later ones replace earlier ones."""

    def build(rows: list[dict[str, str]], *more: str, name: str = "cohort") -> list[str]:
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["subject", "patient", "center", "DWI", "ADC", "B0", "lesion"])
            writer.writeheader()
            writer.writerows(rows)
        return later_wins(
            "search_space=gradual",
            "cohort=manifest",
            f"cohort.path={path}",
            "cohort.unseen=[Abroad]",
            f"study.root={tmp_path / 'studies'}",
            "trainer.epochs=4",
            "trainer.iterations_per_epoch=3",
            "trainer.validate_every=2",
            "trainer.batch_size=2",
            "trainer.augmentation=none",
            "model.patch_size=[8,16,16]",
            "evaluation.postprocessing_trials=10",
            "evaluation.bootstrap=100",
            *more,
        )

    return build
