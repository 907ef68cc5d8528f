"""A large study on disk, without a training: learning curves, rows and examples that are made up.

A module of its own, so that tests can make a small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.learning_curves import learning_curve
from benchmarks.made_up_scans import write_examples
from search_spaces.checking import configured_value
from search_spaces.space import SearchSpace
from study.cohort.records import Splits, SubjectFacts
from study.commandline.composition import compose
from study.config import Config
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
)
from study.training.epoch import Epoch

MODALITIES = ("DWI", "ADC", "FLAIR", "B0")
REMOVED = ("", "B0", "FLAIR", "ADC")


@dataclass(frozen=True)
class Size:
    """How large the study is.

    Attributes:
        trials: of which one in ten is pruned and one in forty fails.
        centers: the last one is unseen.
        subjects: test subjects of each center.
    """

    trials: int = 200
    centers: int = 5
    subjects: int = 100


def make_study(root: Path, size: Size = Size(), name: str = "many") -> StudyFolder:
    """Write a study that has ended."""
    centers = [f"Center {letter}" for letter in "ABCDEFGHIJ"[: size.centers]]
    config = compose(
        [
            f"study.name={name}",
            f"study.root={root}",
            f"study.trials={size.trials}",
            "search_space=gradual",
            "trainer.epochs=30",
            "trainer.validate_every=5",
            f"cohort.modalities=[{','.join(MODALITIES)}]",
            f'cohort.unseen=["{centers[-1]}"]',
            "modality_dropout.droppable=[B0,FLAIR,ADC]",
        ]
    )
    folder = StudyFolder(root, name)
    folder.prepared.write(_prepared(centers, size.subjects))
    folder.config.write(config)
    best, states = (0.0, 0), {"complete": 0, "pruned": 0, "failed": 0}
    for number in range(size.trials):
        state, value = _trial(folder, config, number, centers, size.subjects)
        states[state] += 1
        best = max(best, (value, -number))
    folder.summary.write(Summary(study=name, states=states, winner=-best[1]))
    write_examples(folder, config, folder.trial(-best[1]))
    return folder


def _prepared(centers: list[str], subjects: int) -> PreparedStudy:
    keys = {center: [f"{center}-{number:04d}" for number in range(2 * subjects)] for center in centers}
    seen = [key for center in centers[:-1] for key in keys[center]]
    test = [key for center in centers[:-1] for key in keys[center][:subjects]]
    rest = [key for key in seen if key not in set(test)]
    splits = Splits(
        train=tuple(rest[len(rest) // 4 :]),
        validation=tuple(rest[: len(rest) // 4]),
        test=tuple(test),
        unseen=tuple(keys[centers[-1]][:subjects]),
    )
    return PreparedStudy(
        splits=splits,
        subjects=tuple(
            PreparedSubject(facts=SubjectFacts(key, key.rpartition("-")[0]), address=f"entry-{number}")
            for number, key in enumerate(splits.used)
        ),
        skipped=0,
        spacing_mm=(4.0, 1.0, 1.0),
        median_shape=(40, 180, 150),
        landmarks={},
        cohort_hash="made-up",
    )


def _trial(
    folder: StudyFolder, config: Config, number: int, centers: list[str], subjects: int
) -> tuple[str, float]:
    """Write one trial; returns its state and, of a complete one, its objective."""
    import optuna

    trial = folder.trial(number)
    rng = np.random.default_rng([1, number])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=number))
    space = SearchSpace.parse(config.search_space, config).outer
    if number == 0:
        study.enqueue_trial({one.path: configured_value(config, one.path) for one in space.parameters})
    searched = space.suggest(study.ask())
    trial.parameters.write(searched)
    own = config.with_values(searched)
    curve = [
        one if one.epoch % config.trainer.validate_every == 0 else _unvalidated(one)
        for one in learning_curve(own, number)
    ]
    if number and number % 40 == 7:
        trial.training.epochs.write(curve[:3])
        trial.result.write(
            FailedTrial(trial=number, epochs=3, seconds=30.0, error="TrainingError: the loss is nan")
        )
        return "failed", 0.0
    if number % 10 == 3:
        trial.training.epochs.write(curve[:10])
        value = curve[9].objective
        trial.result.write(PrunedTrial(trial=number, epochs=10, seconds=60.0, value=value, device="cpu"))
        return "pruned", 0.0
    trial.training.epochs.write(curve)
    value = curve[-1].objective
    trial.rows.write(list(_rows(rng, number, value, centers, subjects)))
    chains = Chains(full=config.postprocessing)
    trial.fits.own.write(
        PostprocessingFit(
            default=chains,
            fitted=chains,
            crossfit_score=value,
            fitted_score=value,
            default_score=value,
            subjects=100,
        )
    )
    trial.result.write(CompleteTrial(trial=number, epochs=30, seconds=200.0, value=value, device="cpu"))
    return "complete", value


def _unvalidated(epoch: Epoch) -> Epoch:
    return replace(epoch, validation=None)


def _rows(
    rng: np.random.Generator, trial: int, value: float, centers: list[str], subjects: int
) -> Iterator[ResultRow]:
    """Large lesions are segmented better than small ones, the unseen center worse, and each modality is missed."""
    for place, center in enumerate(centers):
        patients = np.random.default_rng(place)  # the same in each trial
        for subject in range(subjects):
            volume = float(patients.lognormal(1.5, 1.3))
            ease = 0.06 * np.log10(volume) + patients.normal(0, 0.08) - 0.08 * (place == len(centers) - 1)
            for cost, removed in zip((0.0, 0.04, 0.06, 0.1), REMOVED, strict=True):
                dice = float(np.clip(value + ease - cost + rng.normal(0, 0.04), 0, 1))
                predicted = volume * float(rng.lognormal(0.0, 0.25))
                yield ResultRow(
                    trial=trial,
                    split="test",
                    center=center,
                    seen=place < len(centers) - 1,
                    subject=f"{center}-{subject:04d}",
                    subset="+".join(name for name in MODALITIES if name != removed),
                    removed=removed,
                    dice=dice,
                    detected=float(dice > 0),
                    ppv=dice,
                    tpr=dice,
                    voxel_correlation=dice,
                    lesion_f1=dice,
                    lfpr=1 - dice,
                    ltpr=dice,
                    panoptic_quality=dice**2,
                    segmentation_quality=dice,
                    recognition_quality=dice,
                    count_difference=int(rng.integers(0, 4)),
                    volume_difference_ml=abs(predicted - volume),
                    relative_volume_difference=abs(predicted - volume) / volume,
                    hd95_mm=20.0 * (1 - dice),
                    assd_mm=5.0 * (1 - dice),
                    nsd=dice,
                    reference_volume_ml=volume,
                    predicted_volume_ml=predicted,
                    occlusion="",
                    mirrored="",
                    substituted="",
                    false_positives=int(rng.integers(0, 3)),
                    false_positive_voxels=10.0,
                    false_positive_ml=0.1,
                    false_negatives=int(rng.integers(0, 2)),
                    false_negative_voxels=5.0,
                    false_negative_ml=0.05,
                    calibration_error=0.01 * (1 - dice),
                )
