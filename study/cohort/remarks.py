"""Remarks on a split cohort: on its tables and names, rare modalities, subjects that are not used, stand-ins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from study.cohort.modalities import rare_modalities
from study.cohort.records import Cohort, Splits, Subject
from study.config import CohortConfig
from study.config.words import number_of


def set_apart(subject: Subject, settings: CohortConfig) -> bool:
    """Whether a subject is kept out of training, validation and test because it is a control scan."""
    return subject.control and settings.controls != "include"


def remarks(cohort: Cohort, splits: Splits, settings: CohortConfig) -> list[str]:
    """What a user should know of a split cohort and may not mean, a line each."""
    used = set(splits.used)
    if splits.train:
        learnt = [cohort[key] for key in splits.train]
        rare = rare_modalities(learnt, settings.modalities, "training subjects")
    else:
        rare = rare_modalities([cohort[key] for key in splits.used], settings.modalities, "subjects")
    unused: dict[str, list[Subject]] = {}
    for subject in cohort.subjects:
        if subject.key not in used:
            unused.setdefault(_why_unused(subject, settings), []).append(subject)
    lines = [*map(str, cohort.remarks), *map(str, rare)]
    lines += [f"{reason}: {_counted(subjects)}" for reason, subjects in sorted(unused.items())]
    pairs: dict[tuple[str, str], list[Subject]] = {}
    for subject in cohort.subjects:
        for modality, other in subject.stand_ins.items() if subject.key in used else ():
            pairs.setdefault((other, modality), []).append(subject)
    lines += [
        f"{other} stands in for {modality} (cohort.modality_aliases): {_counted(subjects)}"
        for (other, modality), subjects in sorted(pairs.items())
    ]
    return lines


def _why_unused(subject: Subject, settings: CohortConfig) -> str:
    if settings.target not in subject.masks:
        return "no reference mask"
    if not set_apart(subject, settings):
        return "not used, as cohort.seen and cohort.splits say"
    if settings.controls == "exclude":
        return "control scans, not used (cohort.controls=exclude)"
    return "control scans of patients who train or validate, not used"


def _counted(subjects: Iterable[Subject]) -> str:
    counts = Counter(subject.center for subject in subjects)
    listed = ", ".join(f"{center} {count}" for center, count in sorted(counts.items()))
    return f"{number_of(counts.total(), 'subject')} ({listed})"
