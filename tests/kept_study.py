"""A study's folder with kept probabilities that are drawn by hand, and `study.postprocess` called on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from builders import availability

from study.config import Postprocessing, validate
from study.evaluation.chains import Chains
from study.evaluation.fit import PostprocessingFit
from study.evaluation.kept import keep
from study.machine.files import read_json
from study.postprocess import main
from study.records import CompleteTrial, PrunedTrial, StudyFolder, Summary, TrialFolder

SPACE = {
    "threshold": {"type": "float", "low": 0.1, "high": 0.9, "step": 0.1},
    "remove_small": {"voxels": {"type": "int", "low": 0, "high": 4, "step": 2}},
}
OWN = PostprocessingFit(
    default=Chains(full=Postprocessing()),
    fitted=Chains(full=Postprocessing()),
    crossfit_score=0.5,
    fitted_score=0.5,
    default_score=0.5,
    subjects=5,
)


def kept_study(root: Path) -> StudyFolder:
    """Two complete trials, of which the first is the winner, and one that was pruned."""
    config = validate(
        {
            "study": {"name": "tiny", "root": str(root)},
            "cohort": {"modalities": ["DWI", "B0"]},
            "evaluation": {"bootstrap": 200},
            "search_space": {
                "trainer": {"learning_rate": {"type": "float", "low": 0.01, "high": 0.3}},
                "postprocessing": SPACE,
            },
        }
    )
    folder = StudyFolder(root, "tiny")
    folder.config.write(config)
    add_trial(folder, 0, 0.6, faint=0.4)
    add_trial(folder, 1, 0.5, faint=0.55)
    folder.trial(2).result.write(PrunedTrial(trial=2, epochs=1, seconds=1.0, value=0.9, device="cpu"))
    folder.summary.write(Summary(study="tiny", states={"complete": 2, "pruned": 1}, winner=0))
    return folder


def add_trial(folder: StudyFolder, number: int, value: float, faint: float) -> None:
    trial = folder.trial(number)
    add_kept(trial, faint)
    trial.parameters.write({"trainer.learning_rate": 0.1})
    trial.fits.own.write(OWN)
    trial.result.write(CompleteTrial(trial=number, epochs=1, seconds=1.0, value=value, device="cpu"))
    trial.weights.path.write_bytes(b"a network")


def add_kept(trial: TrialFolder, faint: float) -> None:
    """Five subjects of two centers: a lesion of 12 voxels, fainter without B0, and in those of B a speck of 2."""
    for number in range(5):
        center = "AB"[number % 2]
        reference = np.zeros((3, 10, 10), bool)
        reference[1, 2:5, 2:6] = True
        without_b0 = availability("DWI+B0", "DWI", removed="B0")
        for given, level in ((availability("DWI+B0"), 0.8), (without_b0, faint)):
            probability = np.where(reference, level, 0.0).astype(np.float32)
            probability[1, 8, 7:9] = 0.6 if center == "B" else 0.0
            case = keep(
                probability,
                reference,
                key=f"{center}-{number:04d}",
                center=center,
                availability=given,
                spacing_mm=(10.0, 1.0, 1.0),
            )
            trial.kept.write(case)


def call(folder: StudyFolder, *more: str) -> None:
    main(["study.name=tiny", f"study.root={folder.path.parent}", *more])


def found(folder: StudyFolder, trial: int = 0, number: int = 1) -> PostprocessingFit:
    """The fit of a later search."""
    return folder.trial(trial).fits.read(number)


def asked(folder: StudyFolder, number: int = 1) -> dict[str, Any]:
    """The settings that a later search of the winner read."""
    return dict(read_json(folder.trial(0).fits.path(number))["asked"])


def contents(folder: StudyFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}
