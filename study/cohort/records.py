"""Who is studied: subjects, the cohort they form, and which of them may be used for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from study.errors import Problem

MASKS = ("lesion", "thrombus", "brain")


@dataclass(frozen=True)
class Entry:
    """One examination as a reader lists it: a subject that has no key yet, with what is wrong with it.

    Attributes:
        id, patient, center, images, masks: as in `Subject`.
        problems: found while listing, such as two files for one modality.
    """

    id: str
    patient: str
    center: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Subject:
    """One examination of one patient at one center.

    Attributes:
        id: as the data set names it; stays on this machine (errors and the study's private files only).
        patient: whose scan it is; all scans of a patient fall into the same split.
        center: where it was acquired.
        key: the pseudonym (`CHSF-0003`) that rows, logs, pictures and tracking use.
        images: modality name to NIfTI file, only what is present.
        masks: `lesion`, `thrombus` or `brain` to NIfTI file, only what is present.
    """

    id: str
    patient: str
    center: str
    key: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]


@dataclass(frozen=True)
class Cohort:
    """All subjects of a study, sorted by center and id."""

    subjects: tuple[Subject, ...]
    skipped: int = 0  # subjects left out because of problems, with cohort.on_error=skip
    problems: tuple[Problem, ...] = ()  # of the skipped subjects: for the terminal, they name ids and files

    @property
    def centers(self) -> tuple[str, ...]:
        """Center names in alphabetical order."""
        return tuple(sorted({subject.center for subject in self.subjects}))

    def __getitem__(self, key: str) -> Subject:
        """The subject with this pseudonym."""
        return self._by_key[key]

    @cached_property
    def _by_key(self) -> dict[str, Subject]:
        return {subject.key: subject for subject in self.subjects}


@dataclass(frozen=True)
class Splits:
    """Subject keys by use. `unseen` holds the subjects of unseen centers: tested, never learnt from."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unseen: tuple[str, ...]
