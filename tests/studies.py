"""Studies on disk for tests: complete records, of which a test names only what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from study.cohort.records import Splits, SubjectFacts
from study.config import Config, Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.fit import PostprocessingFit
from study.evaluation.rows import ResultRow
from study.records import (
    CompleteTrial,
    FailedTrial,
    PreparedStudy,
    PreparedSubject,
    PrunedTrial,
    StudyFolder,
    Summary,
    TrialFolder,
)
from study.training.epoch import Epoch, ValidationScores

SPLITS = Splits(train=("CHSF-0004",), validation=("CHSF-0005",), test=("CHSF-0001",), unseen=("ISLES-0001",))
SCORES = ValidationScores(full=0.6, missing=0.5, worst_center=0.4, objective=0.55)


def prepared_study(splits: Splits = SPLITS, **changes: Any) -> PreparedStudy:
    """A prepared study; a subject's center is its key's beginning, its entry in the cache is called after it."""
    subjects = tuple(
        PreparedSubject(facts=SubjectFacts(key, key.rpartition("-")[0]), address=f"entry-of-{key}")
        for key in splits.used
    )
    known = {
        "splits": splits,
        "subjects": subjects,
        "skipped": 0,
        "spacing_mm": (4.0, 2.0, 2.0),
        "median_shape": (8, 16, 16),
        "landmarks": {},
        "cohort_hash": "abc123",
    }
    return PreparedStudy(**{**known, **changes})


def chains(threshold: float = 0.5, **changes: Any) -> Chains:
    """One chain for all, that only takes a threshold unless others are named."""
    return Chains(full=Postprocessing.model_validate({"threshold": threshold, **changes}))


def fit(**changes: Any) -> PostprocessingFit:
    """A search that found something better than the default."""
    known = {
        "default": chains(0.5),
        "fitted": chains(0.4),
        "crossfit_score": 0.5,
        "fitted_score": 0.55,
        "default_score": 0.4,
        "crossfit_parts": (0.6, 0.4, 0.3),
        "default_parts": (0.5, 0.3, 0.2),
        "gain": 0.1,
        "gain_low": -0.1,
        "gain_high": 0.3,
        "subjects": 2,
        "trials": 20,
        "tried": 60,
    }
    return PostprocessingFit(**{**known, **changes})


def epoch(number: int, **changes: Any) -> Epoch:
    """A finished epoch, of which every second one is validated."""
    known = {
        "epoch": number,
        "time_ms": 1_700_000_000_000 + 1000 * number,
        "seconds": 1.5,
        "train_loss": 1 / number,
        "learning_rate": 0.01,
        "fade": 0.5,
        "dropped": {"B0": 0.25},
        "validation": SCORES if number % 2 == 0 else None,
    }
    return Epoch(**{**known, **changes})


def complete(number: int = 0, value: float = 0.6, **changes: Any) -> CompleteTrial:
    """A trial that ended after four epochs."""
    known = {"trial": number, "epochs": 4, "seconds": 12.5, "value": value, "device": "cpu"}
    return CompleteTrial(**{**known, **changes})


def pruned(number: int = 0, value: float = 0.2, **changes: Any) -> PrunedTrial:
    """A trial that the scheduler ended after four epochs."""
    known = {"trial": number, "epochs": 4, "seconds": 12.5, "value": value, "device": "cpu"}
    return PrunedTrial(**{**known, **changes})


def failed(number: int = 0, error: str = "TrainingError: the loss is nan", **changes: Any) -> FailedTrial:
    """A trial that failed after four epochs."""
    return FailedTrial(**{"trial": number, "epochs": 4, "seconds": 12.5, "error": error, **changes})


def write_study(config: Config, prepared: PreparedStudy, winner: int | None = None) -> StudyFolder:
    """A study as preparation leaves it; with a winner, as its end does."""
    folder = StudyFolder(config.study.root, config.study.name)
    folder.prepared.write(prepared)
    folder.config.write(config)
    if winner is not None:
        folder.summary.write(Summary(study=config.study.name, states={"complete": 1}, winner=winner))
    return folder


def write_trial(
    folder: StudyFolder,
    result: CompleteTrial | PrunedTrial | FailedTrial,
    *,
    searched: Mapping[str, Any] | None = None,
    epochs: Iterable[Epoch] = (),
    rows: Sequence[ResultRow] = (),
    found: PostprocessingFit | None = None,
) -> TrialFolder:
    """A trial that has ended; a complete one has rows and a fit."""
    trial = folder.trial(result.trial)
    trial.parameters.write(dict(searched or {}))
    trial.training.epochs.write(list(epochs))
    if isinstance(result, CompleteTrial):
        trial.rows.write(rows)
        trial.fits.own.write(found or fit())
    trial.result.write(result)
    return trial
