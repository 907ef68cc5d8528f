"""Who trains, validates and tests: by patient, stratified by center, seeded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from study.cohort.fixed_splits import read_fixed
from study.cohort.patients import Patient, Use, patient_of, shuffled
from study.cohort.records import Cohort, Splits, Subject
from study.cohort.remarks import set_apart
from study.config import CohortConfig, Config, Phantom, SplitsConfig
from study.errors import ConfigError


def split_cohort(cohort: Cohort, config: Config) -> Splits:
    """The subjects that have the target's mask, by use; subjects of unseen centers are all in `unseen`.

    A patient scanned at a seen and at an unseen center is tested at both and never learnt from. Control scans are
    apart unless `cohort.controls=include`: those of patients who neither train nor validate are in `control`.

    Raises:
        ConfigError: a center that does not exist, a fixed split with mistakes, nobody to train or validate.
    """
    settings = config.cohort
    seen = _seen_centers(cohort, config)
    masked = [subject for subject in cohort.subjects if settings.target in subject.masks]
    labelled = [subject for subject in masked if not set_apart(subject, settings)]
    unseen = tuple(subject for subject in labelled if subject.center in settings.unseen)
    candidates = [subject for subject in labelled if subject.center in seen]
    if settings.splits.kind == "fixed":
        uses = read_fixed(cohort, candidates, settings)
    else:
        uses = _deal(candidates, {patient_of(subject) for subject in unseen}, settings.splits)
    splits = Splits(
        train=tuple(subject.key for subject in candidates if uses.get(subject.key) == "train"),
        validation=tuple(subject.key for subject in candidates if uses.get(subject.key) == "validation"),
        test=tuple(subject.key for subject in candidates if uses.get(subject.key) == "test"),
        unseen=tuple(subject.key for subject in unseen),
    )
    _check_usable(splits, cohort, labelled, candidates, config)
    if settings.controls != "separate":
        return splits
    learnt = {patient_of(cohort[key]) for key in (*splits.train, *splits.validation)}
    control = tuple(
        subject.key
        for subject in masked
        if subject.control
        and subject.center in (*seen, *settings.unseen)
        and patient_of(subject) not in learnt
    )
    return replace(splits, control=control)


def _seen_centers(cohort: Cohort, config: Config) -> tuple[str, ...]:
    settings = config.cohort
    there = cohort.centers
    known = set(there)
    if "phantom" in settings.sources:  # a phantom center may be left out by cohort.phantom.centers
        known |= {str(name) for name in get_args(get_args(Phantom.model_fields["centers"].annotation)[0])}
    default = settings.unseen == CohortConfig.model_fields["unseen"].default
    seen = settings.seen
    if seen is None:
        seen = tuple(center for center in there if center not in settings.unseen)
    judging = tuple(center for center in seen if center in there)
    problems = [
        f"{path}: no center {', '.join(wrong)}; there are {', '.join(right)}"
        for path, names, legal, right in (
            ("cohort.seen", settings.seen or (), known, there),
            ("cohort.unseen", () if default else settings.unseen, known, there),
            ("objective.centers", config.objective.centers or (), judging, judging),
        )
        if (wrong := [name for name in names if name not in legal])
    ]
    if problems:
        raise ConfigError(problems)
    return seen


def _deal(
    subjects: Sequence[Subject], reserved: Collection[Patient], settings: SplitsConfig
) -> Mapping[str, Use]:
    """The use of every subject's key; `reserved` patients are only ever tested."""
    centers: dict[str, set[Patient]] = {}
    for subject in subjects:
        centers.setdefault(subject.center, set()).add(patient_of(subject))
    uses: dict[Patient, Use] = {
        patient: "test" for patients in centers.values() for patient in patients & set(reserved)
    }
    ranked = {center: shuffled(centers[center], center, settings.seed) for center in sorted(centers)}
    if settings.kind == "folds":
        _deal_folds(ranked, uses, settings)
    else:
        for patients in ranked.values():
            _deal_fractions(patients, uses, settings)
    return {subject.key: uses[patient_of(subject)] for subject in subjects}


def _deal_fractions(patients: Sequence[Patient], uses: dict[Patient, Use], settings: SplitsConfig) -> None:
    """Give each patient of one center who has no use yet (from another center) what is short there."""
    validation, test = quotas(len(patients), settings.validation, settings.test)
    short = Counter[Use](test=test, validation=validation)
    short.subtract(uses[patient] for patient in patients if patient in uses)
    for patient in patients:
        if patient not in uses:
            use: Use = "test" if short["test"] > 0 else "validation" if short["validation"] > 0 else "train"
            uses[patient] = use
            short[use] -= 1


def quotas(patients: int, validation: float, test: float) -> tuple[int, int]:
    """How many patients of a center validate and test.

    At least one each where one is left to train on: a single patient trains, of two one validates.
    """
    n_validation = max(1, math.floor(patients * validation + 0.5)) if patients >= 2 else 0
    n_test = max(1, math.floor(patients * test + 0.5)) if patients >= 3 and test > 0 else 0
    while n_validation + n_test >= max(patients, 1):
        if n_test > n_validation:
            n_test -= 1
        else:
            n_validation -= 1
    return n_validation, n_test


def _deal_folds(
    ranked: Mapping[str, Sequence[Patient]], uses: dict[Patient, Use], settings: SplitsConfig
) -> None:
    """Fold `fold` is tested and the next one validates; numbering goes on from center to center."""
    folds: dict[Patient, int] = {}
    for patients in ranked.values():
        for patient in patients:
            if patient not in uses and patient not in folds:
                folds[patient] = len(folds) % settings.folds
    if len(folds) < settings.folds:
        raise ConfigError(
            [
                f"cohort.splits.folds: {settings.folds} folds need as many patients at seen centers, "
                f"there are {len(folds)}; set cohort.splits.folds to at most that, or add subjects"
            ]
        )
    for patients in ranked.values():
        own = [patient for patient in patients if patient in folds]
        for patient in own:
            if folds[patient] == settings.fold:
                uses[patient] = "test"
        rest = [patient for patient in own if patient not in uses]
        validating = _validating_fold(rest, folds, settings)
        for patient in rest:
            uses[patient] = "validation" if folds[patient] == validating else "train"


def _validating_fold(
    patients: Sequence[Patient], folds: Mapping[Patient, int], settings: SplitsConfig
) -> int | None:
    """The fold after the tested one; at a small center the next that has patients and leaves others."""
    for step in range(1, settings.folds):
        fold = (settings.fold + step) % settings.folds
        members = sum(folds[patient] == fold for patient in patients)
        if 0 < members < len(patients):
            return fold
    return None


def _check_usable(
    splits: Splits,
    cohort: Cohort,
    labelled: Sequence[Subject],
    candidates: Sequence[Subject],
    config: Config,
) -> None:
    settings = config.cohort
    if not candidates:
        everyone = Counter(subject.center for subject in labelled)
        counts = ", ".join(f"{center} {everyone[center]}" for center in cohort.centers)
        raise ConfigError(
            [
                f"cohort.target: no training subject: no seen center has a {settings.target} mask "
                f"(masks by center: {counts}; unseen: {', '.join(settings.unseen) or 'none'}); "
                "change cohort.target, cohort.unseen or cohort.seen, or add subjects"
            ]
        )
    counts = f"{len(candidates)} subjects with a {settings.target} mask at seen centers"
    remedy = "change cohort.splits, or add subjects"
    if not splits.train:
        raise ConfigError([f"cohort.splits: no training subject is left of {counts}; {remedy}"])
    if not splits.validation:
        raise ConfigError([f"cohort.splits: no validation subject is left of {counts}; {remedy}"])
    judging = {cohort[key].center for key in splits.validation}
    if config.objective.centers is not None and not judging & set(config.objective.centers):
        raise ConfigError(
            [
                f"objective.centers: no validation subject at {', '.join(config.objective.centers)}; "
                f"there are some at {', '.join(sorted(judging))}"
            ]
        )
