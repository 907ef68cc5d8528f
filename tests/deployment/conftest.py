"""A finished study with a network of random weights, and scans of a few kilobytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from builders import result_row
from studies import complete, fit, prepared_study, pruned, write_study, write_trial
from torch import nn

from models import Plan, build_model
from study.cohort.records import Cohort, Splits, Subject
from study.config import Config, validate
from study.evaluation.chains import Chains
from study.evaluation.rows import ResultRow
from study.records import StudyFolder
from study.workflow.export import export_bundle
from study.workflow.networks import plan_prepared

MODALITIES = ("DWI", "ADC", "B0")
FITTED = Chains.model_validate(
    {
        "full": {"threshold": 0.45, "remove_small": {"ml": 0.05}},
        "missing": {"steps": ["threshold", "grow"], "threshold": 0.6, "grow": {"threshold": 0.4}},
    }
)
SPLITS = Splits(train=("CHSF-0002",), validation=(), test=("CHSF-0001",), unseen=("ISLES-0001",))
ALIASES = {"B0": ["EPI", "T2star"]}
PRIVATE = ("patient-Jane-Roe", "ID-998877", "secretfolder")
SHAPE = (20, 22, 9)  # of the files: x, y, z
ROTATION = np.array([[0.96, 0.28, 0.0], [-0.28, 0.96, 0.0], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class Tiny:
    """A study that has ended."""

    config: Config
    folder: StudyFolder
    plan: Plan
    network: nn.Module


def write_scan(path: Path, seed: int, factor: float = 1.0) -> Path:
    """A skull-stripped ellipsoid, oblique and stored as LPS, so that an axis mix-up shows."""
    rng = np.random.default_rng(seed)
    centered = [(np.arange(size) - (size - 1) / 2) / (0.42 * size) for size in SHAPE]
    x, y, z = np.meshgrid(*centered, indexing="ij")
    data = (x**2 + y**2 + z**2 < 1) * (100 + 20 * x + 30 * y + 10 * rng.normal(size=SHAPE)) * factor
    affine = np.eye(4)
    affine[:3, :3] = ROTATION @ np.diag([-2.0, -2.0, 4.0])
    affine[:3, 3] = (20, 25, -15)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.float32), affine), path)
    return path


def write_subject(
    folder: Path, name: str, seed: int, modalities: tuple[str, ...] = MODALITIES
) -> dict[str, Path]:
    factors = {"DWI": 1.0, "ADC": 0.008, "B0": 3.0}
    return {
        modality: write_scan(folder / f"{name}_{modality}.nii.gz", seed + 10 * number, factors[modality])
        for number, modality in enumerate(modalities)
    }


def _rows(trial: int) -> list[ResultRow]:
    return [
        result_row(trial=trial, center=center, seen=seen, subject=f"{center}-0001")
        for center, seen in (("CHSF", True), ("ISLES", False))
    ]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Trials 0 and 2 are complete, 1 was stopped; 2 has the highest value; there is no summary."""
    return finished_study(
        tmp_path_factory.mktemp("study") / PRIVATE[2],
        {"model": {"patch_size": [8, 16, 16], "stages": 2, "base_channels": 4, "deep_supervision": False}},
        (9, 16, 16),
    )


def finished_study(root: Path, sections: Mapping[str, Any], median_shape: tuple[int, int, int]) -> Tiny:
    """The study with other settings."""
    config = validate(
        {
            "study": {"name": "tiny", "root": str(root)},
            "cohort": {
                "modalities": list(MODALITIES),
                "modality_aliases": ALIASES,
                "path": f"/data/{PRIVATE[1]}.csv",
            },
            **sections,
            "evaluation": {"bootstrap": 50, **sections.get("evaluation", {})},
        }
    )
    prepared = prepared_study(SPLITS, spacing_mm=(4.0, 2.5, 2.5), median_shape=median_shape)
    plan = plan_prepared(config, prepared)
    folder = write_study(config, prepared)
    person = Subject(PRIVATE[1], PRIVATE[0], "CHSF", "CHSF-0001", {"DWI": Path(f"/data/{PRIVATE[0]}")}, {})
    folder.subjects.write(Cohort((person,)))
    torch.manual_seed(3)
    network = build_model(config.model.name, plan).eval()
    for result in (complete(0, 0.5), pruned(1, 0.9), complete(2, 0.6)):
        found = fit(fitted=FITTED)
        searched = {"modality_dropout.drop_probability": 0.25}
        trial = write_trial(folder, result, searched=searched, rows=_rows(result.trial), found=found)
        if result.state == "complete":
            trial.weights.save(network.state_dict())
    return Tiny(config, folder, plan, network)


@pytest.fixture(scope="session")
def bundle_path(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported bundle as a folder; tests copy it before they harm it."""
    out = tmp_path_factory.mktemp("bundle") / "bundle"
    export_bundle(tiny.folder, out)
    return out


@pytest.fixture(scope="session")
def scan() -> Callable[..., dict[str, Path]]:
    return write_subject


@pytest.fixture(scope="session")
def make_study() -> Callable[..., Tiny]:
    return finished_study
