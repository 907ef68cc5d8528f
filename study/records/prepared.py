"""The result of preparing a study: use and cache entry of each subject, and the basis for planning networks."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from study.cohort.records import Splits, SubjectFacts
from study.imaging.likeness import IntensityFingerprint
from study.records.files import Record

FILE_NAME = r"^[^./\x00-\x1f][^/\x00-\x1f]{0,200}$"  # leads to no other folder


class PreparedSubject(Record):
    """One subject of the cohort.

    Attributes:
        facts: what is known about the subject.
        address: of the subject's entry in the cache; None if the subject is not used.
        modalities: that the subject has, in the order of `cohort.modalities`.
    """

    facts: SubjectFacts
    address: Annotated[str, Field(pattern=FILE_NAME)] | None = None
    modalities: tuple[str, ...] = ()

    @field_validator("facts")
    @classmethod
    def _key_names_a_file(cls, facts: SubjectFacts) -> SubjectFacts:
        if not re.fullmatch(FILE_NAME, facts.key):
            raise ValueError(f"key must be a part of file names, got {facts.key!r:.100}")
        return facts


class AdoptedNetwork(Record):
    """A network trained elsewhere (study.adopt), which brings its own plan.

    Attributes:
        model: name of the network.
        plan: output of `Plan.to_dict`.
    """

    model: str
    plan: dict[str, Any]


class PreparedStudy(Record):
    """The record that `prepare_study` writes for every trial.

    Attributes:
        splits: subject keys by use.
        subjects: of the whole cohort.
        skipped: number of subjects left out because of problems, with cohort.on_error=skip.
        spacing_mm: of resampled scans, [slices, rows, columns].
        median_shape: voxels of the median training subject at that spacing.
        landmarks: per modality, for imaging.normalisation=nyul.
        cohort_hash: identifies the data without naming subjects.
        adopted: a network trained elsewhere; None if networks are planned.
        fingerprint: of the training subjects' images; None where they were not measured.
        slots: training subjects whose places fresh brains take, in their order, each with its name in the roster of
            phantoms; empty unless `cohort.phantom.stream` is set.
    """

    splits: Splits
    subjects: tuple[PreparedSubject, ...]
    skipped: int
    spacing_mm: tuple[float, float, float]
    median_shape: tuple[int, int, int]
    landmarks: dict[str, tuple[float, ...]]
    cohort_hash: str
    adopted: AdoptedNetwork | None = None
    fingerprint: IntensityFingerprint | None = None
    slots: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _takes_training_places(self) -> PreparedStudy:
        if foreign := self.slots.keys() - set(self.splits.train):
            raise ValueError(
                f"slots: {min(foreign)} is no training subject, so that no brain takes its place"
            )
        return self

    @property
    def used(self) -> tuple[PreparedSubject, ...]:
        """The subjects used for training, validation or testing."""
        used = set(self.splits.used)
        return tuple(subject for subject in self.subjects if subject.facts.key in used)

    @property
    def facts(self) -> dict[str, SubjectFacts]:
        """The facts by subject key (the pseudonym)."""
        return {subject.facts.key: subject.facts for subject in self.subjects}
