"""Who trains, validates and tests: by patient, stratified by center, seeded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from study.cohort.fixed_splits import read_fixed
from study.cohort.names import closest
from study.cohort.patients import Patient, Use, patient_of, shuffled
from study.cohort.records import Cohort, Splits, Subject
from study.cohort.remarks import set_apart
from study.config import CohortConfig, SplitsConfig
from study.errors import ConfigError
from study.phantoms.centers import CENTERS


def split_cohort(
    cohort: Cohort, settings: CohortConfig, objective_centers: Sequence[str] | None = None
) -> Splits:
    """The subjects with a mask of the target, by use; subjects of unseen centers are all in `unseen`.

    A patient scanned at a seen and at an unseen center is tested at both and never learnt from; nor is one whom the
    data set keeps for the test. Unless
    `cohort.controls=include`, control scans are set apart: `control` holds those of patients who neither train nor
    validate.

    Args:
        cohort: all subjects.
        settings: the section `cohort`.
        objective_centers: seen centers whose validation subjects the objective reads; None is all.

    Raises:
        ConfigError: a center that does not exist, a fixed split with mistakes, nobody to train or validate on.
    """
    seen = _seen_centers(cohort, settings, objective_centers)
    masked = [subject for subject in cohort.subjects if settings.target in subject.masks]
    labelled = [subject for subject in masked if not set_apart(subject, settings)]
    unseen = tuple(subject for subject in labelled if subject.center in settings.unseen)
    candidates = [subject for subject in labelled if subject.center in seen]
    if settings.splits.kind == "fixed":
        uses = read_fixed(cohort, candidates, settings)
    else:
        held_out = [subject for subject in candidates if subject.held_out]
        uses = _deal(candidates, {patient_of(subject) for subject in (*unseen, *held_out)}, settings.splits)
    splits = Splits(
        train=tuple(subject.key for subject in candidates if uses.get(subject.key) == "train"),
        validation=tuple(subject.key for subject in candidates if uses.get(subject.key) == "validation"),
        test=tuple(subject.key for subject in candidates if uses.get(subject.key) == "test"),
        unseen=tuple(subject.key for subject in unseen),
    )
    if not candidates:
        raise _no_candidates(cohort, labelled, settings)
    _check_usable(splits, f"{len(candidates)} subjects with a {settings.target} mask at seen centers")
    _check_objective(splits, cohort, objective_centers)
    if settings.controls != "separate":
        return splits
    return replace(splits, control=_controls(cohort, masked, splits, (*seen, *settings.unseen)))


def _controls(
    cohort: Cohort, masked: Sequence[Subject], splits: Splits, centers: Collection[str]
) -> tuple[str, ...]:
    """The control scans of these centers whose patients neither train nor validate."""
    learnt = {patient_of(cohort[key]) for key in (*splits.train, *splits.validation)}
    return tuple(
        subject.key
        for subject in masked
        if subject.control and subject.center in centers and patient_of(subject) not in learnt
    )


def _seen_centers(
    cohort: Cohort, settings: CohortConfig, objective_centers: Sequence[str] | None
) -> tuple[str, ...]:
    """The centers to learn from; raises ConfigError with every center that is named and does not exist."""
    there = cohort.centers
    known = set(there)
    if "phantom" in settings.sources:  # cohort.phantom.centers may leave a phantom center out
        known |= set(CENTERS)
    default = settings.unseen == CohortConfig.model_fields["unseen"].default
    seen = settings.seen
    if seen is None:
        seen = tuple(center for center in there if center not in settings.unseen)
    judging = tuple(center for center in seen if center in there)
    problems = [
        f"{path}: no center {', '.join(wrong)}; there are {', '.join(right)}{_meant(wrong, right)}"
        for path, names, legal, right in (
            ("cohort.seen", settings.seen or (), known, there),
            ("cohort.unseen", () if default else settings.unseen, known, there),
            ("objective.centers", objective_centers or (), judging, judging),
        )
        if (wrong := [name for name in names if name not in legal])
    ]
    if problems:
        raise ConfigError(problems)
    return seen


def _meant(wrong: Sequence[str], right: Sequence[str]) -> str:
    near = [center for name in wrong if (center := closest(name, right))]
    return f"; did you mean {', '.join(near)}?" if near else ""


def _deal(
    subjects: Sequence[Subject], reserved: Collection[Patient], settings: SplitsConfig
) -> Mapping[str, Use]:
    """The use of every subject's key; `reserved` patients are only tested."""
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
    """Give each patient of one center who has no use yet, from another center, the use that the center lacks."""
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

    At least one each as long as one is left to train on: a single patient trains, and one of two validates.
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
    """Test on fold `fold` and validate on the next one; fold numbers continue from center to center."""
    folds = _folds(ranked, uses, settings)
    for patients in ranked.values():
        own = [patient for patient in patients if patient in folds]
        for patient in own:
            if folds[patient] == settings.fold:
                uses[patient] = "test"
        rest = [patient for patient in own if patient not in uses]
        validating = _validating_fold(rest, folds, settings)
        for patient in rest:
            uses[patient] = "validation" if folds[patient] == validating else "train"


def _folds(
    ranked: Mapping[str, Sequence[Patient]], reserved: Collection[Patient], settings: SplitsConfig
) -> dict[Patient, int]:
    """The fold of each patient who is not reserved; raises ConfigError for more folds than patients."""
    folds: dict[Patient, int] = {}
    for patients in ranked.values():
        for patient in patients:
            if patient not in reserved and patient not in folds:
                folds[patient] = len(folds) % settings.folds
    if len(folds) < settings.folds:
        raise ConfigError(
            [
                f"cohort.splits.folds: {settings.folds} folds need as many patients at seen centers, "
                f"there are {len(folds)}; set cohort.splits.folds to at most that, or add subjects"
            ]
        )
    return folds


def _validating_fold(
    patients: Sequence[Patient], folds: Mapping[Patient, int], settings: SplitsConfig
) -> int | None:
    """The fold after the tested one; at a small center, the next one that has patients and leaves some to train."""
    for step in range(1, settings.folds):
        fold = (settings.fold + step) % settings.folds
        members = sum(folds[patient] == fold for patient in patients)
        if 0 < members < len(patients):
            return fold
    return None


def _no_candidates(cohort: Cohort, labelled: Sequence[Subject], settings: CohortConfig) -> ConfigError:
    masks = Counter(subject.center for subject in labelled)
    counts = ", ".join(f"{center} {masks[center]}" for center in cohort.centers)
    return ConfigError(
        [
            f"cohort.target: no training subject: no seen center has a {settings.target} mask "
            f"(masks by center: {counts}; unseen: {', '.join(settings.unseen) or 'none'}); "
            "change cohort.target, cohort.unseen or cohort.seen, or add subjects"
        ]
    )


def _check_usable(splits: Splits, counted: str) -> None:
    """Raise ConfigError where nobody is left to train or to validate on."""
    remedy = "change cohort.splits, or add subjects"
    if not splits.train:
        raise ConfigError([f"cohort.splits: no training subject is left of {counted}; {remedy}"])
    if not splits.validation:
        raise ConfigError([f"cohort.splits: no validation subject is left of {counted}; {remedy}"])


def _check_objective(splits: Splits, cohort: Cohort, objective_centers: Sequence[str] | None) -> None:
    """Raise ConfigError where none of the objective's centers has a validation subject."""
    judging = {cohort[key].center for key in splits.validation}
    if objective_centers is not None and not judging & set(objective_centers):
        raise ConfigError(
            [
                f"objective.centers: no validation subject at {', '.join(objective_centers)}; "
                f"there are some at {', '.join(sorted(judging))}"
            ]
        )
