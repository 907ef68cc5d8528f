"""A small study on disk, as commands leave it, with names in it that must never leave the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import result_row
from studies import complete, epoch, failed, fit, prepared_study, write_study, write_trial

from study.cohort.records import Cohort, Subject
from study.config import Config, validate
from study.evaluation.chains import Chains
from study.evaluation.fit import Curve, Point
from study.evaluation.rows import ResultRow
from study.records import StudyFolder
from study.records.overlays import Overlay

PRIVATE = ("patient-Jane-Roe", "ID-998877", "roe_jane_dwi.nii.gz", "secretfolder", "pass4word")


def rows(trial: int, dice: float) -> list[ResultRow]:
    cells = [
        ("CHSF", True, "DWI+ADC+B0", ""),
        ("CHSF", True, "DWI+ADC", "B0"),
        ("ISLES", False, "DWI+ADC", ""),
    ]
    return [
        result_row(
            trial=trial,
            center=center,
            seen=seen,
            subject=f"{center}-000{number}",
            subset=subset,
            removed=removed,
            dice=dice + number / 100,
        )
        for center, seen, subset, removed in cells
        for number in (1, 2, 3)
    ]


TWO_CHAINS = Chains.model_validate(
    {  # growing is set, but not done
        "full": {
            "steps": ["threshold", "remove_small", "near_lesion", "fill_holes"],
            "threshold": 0.4,
            "remove_small": {"voxels": 0, "ml": 0.1},
            "near_lesion": {"voxels": 20.0, "mm": None},
            "grow": {"threshold": 0.3},
        },
        "missing": {"steps": ["threshold"], "threshold": 0.2},
    }
)
CURVE = Curve(
    cases="all",
    path="postprocessing.threshold",
    points=(Point(0.3, 0.45), Point(0.4, 0.5), Point(0.5, 0.4)),
)
PICTURE = Overlay(
    center="ISLES",
    given="DWI+ADC",
    modalities=("DWI", "ADC", "B0"),
    image=np.random.default_rng(0).normal(size=(3, 24, 20)).astype(np.float16),
    reference=np.pad(np.ones((6, 6), bool), ((9, 9), (7, 7))),
    prediction=np.pad(np.ones((5, 6), bool), ((10, 9), (7, 7))),
)


def _make_study(root: Path) -> tuple[Config, StudyFolder]:
    """Two trials, one complete and one that failed; the summary names the winner."""
    config = validate(
        {
            "study": {"name": "tiny", "root": str(root / PRIVATE[3]), "trials": 2},
            "cohort": {"sources": ["manifest"], "path": f"/data/{PRIVATE[3]}/{PRIVATE[1]}.csv"},
            "tuning": {"storage": f"postgresql://me:{PRIVATE[4]}@db/x"},
            "evaluation": {"bootstrap": 50},
            "search_space": {
                "modality_dropout": {"drop_probability": {"type": "float", "low": 0.1, "high": 0.9}}
            },
        }
    )
    folder = write_study(config, prepared_study(), winner=0)
    (subject,) = prepared_study().splits.test
    person = Subject(PRIVATE[1], PRIVATE[0], "CHSF", subject, {"DWI": Path(f"/data/{PRIVATE[2]}")}, {})
    folder.subjects.write(Cohort((person,)))
    epochs = [epoch(number) for number in range(1, 5)]
    found = fit(fitted=TWO_CHAINS, curves=(CURVE,))
    searched = {"modality_dropout.drop_probability": 0.1}
    trial = write_trial(
        folder, complete(0, 0.61), searched=searched, epochs=epochs, rows=rows(0, 0.61), found=found
    )
    trial.overlays.write([PICTURE])
    error = f"{PRIVATE[0]}: /data/{PRIVATE[3]}/{PRIVATE[2]}: broken"
    write_trial(folder, failed(1, error), searched={"modality_dropout.drop_probability": 0.2}, epochs=epochs)
    return config, folder


@pytest.fixture(scope="session")
def make_rows() -> Callable[[int, float], list[ResultRow]]:
    return rows


@pytest.fixture(scope="session")
def make_study() -> Callable[[Path], tuple[Config, StudyFolder]]:
    return _make_study


@pytest.fixture
def study(tmp_path: Path) -> tuple[Config, StudyFolder]:
    return _make_study(tmp_path)


@pytest.fixture
def config(study: tuple[Config, StudyFolder]) -> Config:
    return study[0]


@pytest.fixture
def folder(study: tuple[Config, StudyFolder]) -> StudyFolder:
    return study[1]
