"""Who is studied: subjects, the cohort they form, and which of them may be used for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from study.errors import Problem

OCCLUSIONS = ("proximal", "distal")
MASKS = ("lesion", "thrombus", "brain")


@dataclass(frozen=True)
class Entry:
    """One examination as a reader lists it: a subject that has no key yet, with what is wrong with it.

    Attributes:
        id, patient, center, images, masks, occlusion, control, substituted: as in `Subject`.
        problems: found while listing, such as two files for one modality.
    """

    id: str
    patient: str
    center: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    problems: tuple[Problem, ...] = ()
    occlusion: str = ""
    control: bool = False
    substituted: Mapping[str, str] = field(default_factory=dict)


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
        occlusion: where the clot sits, one of OCCLUSIONS; "" where that is not known or there is none.
        control: a scan after treatment, on which there should be nothing left to find.
        substituted: modality to the sequence that stands in for it (`cohort.modality_aliases`): its file is
            the one in `images`.
    """

    id: str
    patient: str
    center: str
    key: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    occlusion: str = ""
    control: bool = False
    substituted: Mapping[str, str] = field(default_factory=dict)

    @property
    def stand_ins(self) -> str:
        """`substituted` as rows have it: "SWAN=SWI", "" where nothing stands in for anything."""
        return "+".join(f"{name}={other}" for name, other in sorted(self.substituted.items()))


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
    """Subject keys by use.

    `unseen` holds the subjects of unseen centers: tested, never learnt from. `control` holds control scans with
    `cohort.controls=separate`: evaluated apart, and only those of patients who neither train nor validate.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    unseen: tuple[str, ...]
    control: tuple[str, ...] = ()

    @property
    def used(self) -> tuple[str, ...]:
        """All keys."""
        return self.train + self.validation + self.test + self.unseen + self.control
