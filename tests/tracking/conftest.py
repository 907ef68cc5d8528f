"""A small study on disk, as commands leave it, with names in it that must never leave the folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.config import Config, validate
from study.results import Row, StudyFolder, write_json, write_rows

PRIVATE = ("patient-Jane-Roe", "ID-998877", "roe_jane_dwi.nii.gz", "secretfolder", "pass4word")


def rows(trial: int, dice: float) -> list[Row]:
    cells = [
        ("CHSF", True, "DWI+ADC+B0", ""),
        ("CHSF", True, "DWI+ADC", "B0"),
        ("ISLES", False, "DWI+ADC", ""),
    ]
    return [
        Row(trial, "test", center, seen, f"{center}-000{number}", subset, removed,
            dice + number / 100, 1.0, 0.5, 1, 0.5, 3.0, 10.0, 9.5, "", "", 1, 30.0, 0.3, 0, 0.0, 0.0)
        for center, seen, subset, removed in cells
        for number in (1, 2, 3)
    ]  # fmt: skip


def add_epochs(folder: StudyFolder, number: int, epochs: range) -> None:
    path = folder.trial(number).epochs
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for epoch in epochs:
            record: dict[str, Any] = {"epoch": epoch, "time_ms": 1_700_000_000_000 + 1000 * epoch + number}
            record |= {"train_loss": 1 / epoch, "learning_rate": 0.01, "fade": 0.5, "dropped_B0": 0.25}
            if epoch % 2 == 0:
                record |= {"val_dice_full": 0.6, "val_dice_missing": 0.5, "val_dice_worst_center": 0.4}
                record |= {"objective": 0.55}
            file.write(json.dumps(record) + "\n")


def chains(threshold: float) -> dict[str, Any]:
    """Two chains, as a result holds them: growing is set, but not done."""
    full = {
        "steps": ["threshold", "remove_small", "near_lesion", "fill_holes"],
        "threshold": threshold,
        "remove_small": {"voxels": 0, "ml": 0.1},
        "near_lesion": {"voxels": 20.0, "mm": None},
        "grow": {"threshold": 0.3},
    }
    return {"full": full, "missing": {**full, "steps": ["threshold"], "threshold": 0.2}}


def add_trial(folder: StudyFolder, number: int, value: float, state: str = "complete") -> None:
    trial = folder.trial(number)
    write_json(trial.parameters, {"modality_dropout.drop_probability": 0.1 * (number + 1)})
    add_epochs(folder, number, range(1, 5))
    if state == "complete":
        write_rows(trial.rows, rows(number, value))
        pictures = {
            "modalities": np.array(["DWI", "ADC", "B0"]),
            "ISLES/image": np.random.default_rng(0).normal(size=(3, 24, 20)).astype(np.float16),
            "ISLES/reference": np.pad(np.ones((6, 6), bool), ((9, 9), (7, 7))),
            "ISLES/prediction": np.pad(np.ones((5, 6), bool), ((10, 9), (7, 7))),
            "ISLES/subset": np.array("DWI+ADC"),
        }
        np.savez_compressed(trial.path / "overlays.npz", **pictures)  # type: ignore[arg-type]
        scores = {
            "default_score": 0.4,
            "crossfit_score": 0.5,
            "gain": 0.1,
            "gain_low": -0.1,
            "gain_high": 0.3,
        }
        found = {"default": chains(0.5), "best": chains(0.4), "fitted": chains(0.4), **scores}
        found |= {"within_noise": True, "subjects": 2, "trials": 20}
        curves = {"postprocessing.threshold": [[0.3, 0.45], [0.4, 0.5], [0.5, 0.4]]}
        write_json(trial.postprocessing, found | {"curves": curves})
    error = f"{PRIVATE[0]}: /data/{PRIVATE[3]}/{PRIVATE[2]}: broken" if state == "failed" else None
    result = {"trial": number, "state": state, "value": value if state != "failed" else None, "epochs": 4}
    result |= {"seconds": 12.5, "postprocessing": chains(0.4), "device": "cpu"}
    write_json(
        trial.result,
        {
            **result,
            "crossfit": {"crossfit_score": 0.5, "best": chains(0.4)},
            "scores": {},
            "error": error,
        },
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
    folder = StudyFolder(config.study.root, config.study.name)
    folder.path.mkdir(parents=True)
    write_json(folder.config, config.model_dump(mode="json"))
    keys = {
        "train": ["CHSF-0004"],
        "validation": ["CHSF-0005"],
        "test": ["CHSF-0001"],
        "unseen": ["ISLES-0001"],
    }
    write_json(folder.splits, keys)
    folder.subjects.write_text(f"key,id,patient\nCHSF-0001,{PRIVATE[1]},{PRIVATE[0]}\n")
    cache = {"CHSF-0001": f"/data/{PRIVATE[3]}/cache"}
    sizes = {"spacing_mm": [4, 2, 2], "median_shape": [8, 16, 16]}
    write_json(folder.plan, {**sizes, "cache": cache, "cohort_hash": "abc123"})
    add_trial(folder, 0, 0.61)
    add_trial(folder, 1, 0.0, state="failed")
    write_json(folder.summary, {"winner": {"trial": 0}})
    return config, folder


@pytest.fixture(scope="session")
def make_rows() -> Callable[[int, float], list[Row]]:
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
