"""Who is studied: subjects, the cohort they form, and what each of them is used for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from study.errors import Problem, Remark

OCCLUSIONS = ("proximal", "distal")
MASKS = ("lesion", "thrombus", "brain")


@dataclass(frozen=True)
class Labels:
    """What the values of a reference say that is a label map; all of them together are the target.

    Attributes:
        names: value to the name of what it marks.
        remedy: what to do about a map with other values.
    """

    names: Mapping[int, str]
    remedy: str


@dataclass(frozen=True)
class Entry:
    """One examination as a reader lists it: a subject without a key, and what is wrong with it.

    Attributes:
        id, patient, center, images, masks, occlusion, control, stand_ins, held_out, simulated, labels: as in `Subject`.
        problems: found while listing, such as two files for one modality.
        pending: its files are not written yet: a phantom before its simulation.
    """

    id: str
    patient: str
    center: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    problems: tuple[Problem, ...] = ()
    occlusion: str = ""
    control: bool = False
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    held_out: bool = False
    simulated: bool = False
    labels: Labels | None = None
    pending: bool = False

    def with_key(self, key: str, *, pseudonymous: bool = False) -> Subject:
        """The subject with this pseudonym; its problems are left behind."""
        return Subject(
            id=self.id,
            patient=self.patient,
            center=self.center,
            key=key,
            images=self.images,
            masks=self.masks,
            occlusion=self.occlusion,
            control=self.control,
            stand_ins=self.stand_ins,
            held_out=self.held_out,
            simulated=self.simulated,
            labels=self.labels,
            pseudonymous=pseudonymous,
        )


@dataclass(frozen=True)
class Listing:
    """What a reader finds in its source.

    Attributes:
        entries: one for each examination.
        remarks: on the source as a whole, such as columns that are not used.
    """

    entries: tuple[Entry, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class SubjectFacts:
    """What is known of a subject and may be published: neither ids nor files.

    Attributes:
        key: the pseudonym.
        center: where it was acquired.
        occlusion: proximal, distal, or "" where it is not known.
        stand_ins: modality to the sequence in its place.
        withheld: modalities that the subject has and an independent model never takes (`model.inputs`).
    """

    key: str
    center: str = ""
    occlusion: str = ""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """One examination of one patient at one center.

    Attributes:
        id: the data set's name for it; stays on this machine, in errors and in the study's private files.
        patient: who was scanned; all scans of a patient fall into the same split.
        center: where it was acquired.
        key: the pseudonym (`CHSF-0003`) that rows, logs, pictures and tracking use.
        images: modality name to NIfTI file, only those that are present.
        masks: `lesion`, `thrombus` or `brain` to NIfTI file, only those that are present.
        occlusion: where the clot sits, one of OCCLUSIONS; "" where it is not known or there is none.
        control: a scan after treatment, which should show nothing to segment.
        stand_ins: modality to the sequence that stands in for it (`cohort.modality_aliases`); `images` holds the
            stand-in's file under the modality's name.
        held_out: the data set keeps it for the test (nnU-Net's imagesTs); splits that are drawn only test on it.
        simulated: it is a phantom, and `id` its name in the roster of all phantoms.
        labels: of the target's mask, where it is a label map; None where it is binary.
        pseudonymous: the key is a keyed hash, and messages use it, too (`cohort.pseudonymise`).
    """

    id: str
    patient: str
    center: str
    key: str
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    occlusion: str = ""
    control: bool = False
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    held_out: bool = False
    simulated: bool = False
    labels: Labels | None = None
    pseudonymous: bool = False

    @property
    def label(self) -> str:
        """The name that messages on this machine use."""
        return self.key if self.pseudonymous else self.id

    def shown(self, problem: Problem) -> Problem:
        """A problem of this subject, without ids and files if it is pseudonymous."""
        if not self.pseudonymous:
            return problem
        files = {**self.images, **self.masks}
        role = next((name for name, path in files.items() if path == problem.file), "")
        known = not role or f" {role} " in f" {problem.what} "
        return Problem(self.key, None, problem.what if known else f"{role}: {problem.what}", problem.remedy)

    @property
    def facts(self) -> SubjectFacts:
        """What may be published of the subject."""
        return SubjectFacts(self.key, self.center, self.occlusion, dict(self.stand_ins))


@dataclass(frozen=True)
class Cohort:
    """All subjects of a study, sorted by center and id.

    Attributes:
        subjects: those that can be used.
        skipped: number of subjects left out because of problems, with cohort.on_error=skip.
        problems: of the skipped subjects; they name ids and files: for the terminal only.
        remarks: on tables and names; they name no subject.
    """

    subjects: tuple[Subject, ...]
    skipped: int = 0
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def centers(self) -> tuple[str, ...]:
        """Center names in alphabetical order."""
        return tuple(sorted({subject.center for subject in self.subjects}))

    def __getitem__(self, key: str) -> Subject:
        """The subject with this pseudonym."""
        return self._by_key[key]

    def __contains__(self, key: str) -> bool:
        """Whether there is a subject with this pseudonym."""
        return key in self._by_key

    def shown(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Problems of subjects as they may be shown: without ids and files if the subjects are pseudonymous."""
        return tuple(
            self[problem.subject].shown(problem) if problem.subject in self else problem
            for problem in problems
        )

    @cached_property
    def _by_key(self) -> dict[str, Subject]:
        return {subject.key: subject for subject in self.subjects}


@dataclass(frozen=True)
class Splits:
    """Subject keys by use.

    `unseen` holds the subjects of unseen centers, which are tested and never learnt from. With
    `cohort.controls=separate`, `control` holds the control scans of patients who neither train nor validate; they are
    evaluated separately.
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
