"""Modalities that no subject has, or only few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from study.cohort.names import closest
from study.cohort.records import Cohort, Subject
from study.errors import CohortError, Problem, Remark

FEW = 0.25  # of the subjects
_PLACE = "cohort.modalities"


def check_modalities(cohort: Cohort, modalities: Sequence[str]) -> None:
    """Raise CohortError with every modality that no subject has: a network cannot learn it."""
    if problems := absent_modalities(cohort, modalities):
        raise CohortError(problems)


def absent_modalities(cohort: Cohort, modalities: Sequence[str]) -> list[Problem]:
    """A problem for each modality that no subject has, with the images that probably are it."""
    there = {name for subject in cohort.subjects for name in subject.images}
    problems = []
    for absent in [name for name in modalities if name not in there]:
        near = _probably(absent, cohort.subjects, modalities)
        if near:
            what = (
                f"no subject has {absent}, while {near.subjects} of {len(cohort.subjects)} have {near.name}"
            )
            instead = [near.name if name == absent else name for name in modalities]
            remedy = f"rename {near.name} to {absent} if it is that, or set cohort.modalities=[{','.join(instead)}]"
        else:
            what = f"no subject has {absent}"
            left = [name for name in modalities if name in there]
            remedy = f"add its files, or set cohort.modalities=[{','.join(left)}]"
        problems.append(Problem(_PLACE, None, what, remedy))
    return problems


def rare_modalities(subjects: Sequence[Subject], modalities: Sequence[str], who: str) -> Iterator[Remark]:
    """A remark on each modality that few of some subjects have, or none.

    Args:
        subjects: all that are used, or those that are trained on.
        modalities: of the cohort.
        who: the subjects are, in words ("training subjects").
    """
    for name in modalities:
        lacking = [one for one in subjects if name not in one.images]
        near = _probably(name, lacking, modalities)
        count = len(subjects) - len(lacking)
        if lacking and (near or count < FEW * len(subjects)):
            hint = (
                f"{near.subjects} of the others have {near.name}: rename it to {name} if it is that"
                if near
                else ""
            )
            yield Remark(_PLACE, f"{count or 'none'} of {len(subjects)} {who} have {name}", hint)


class _Near(NamedTuple):
    """An image that may be an absent modality, and how many subjects have it."""

    name: str
    subjects: int


def _probably(absent: str, subjects: Sequence[Subject], modalities: Sequence[str]) -> _Near | None:
    counts = Counter(name for one in subjects for name in one.images if name not in modalities)
    near = closest(absent, counts)
    return None if near is None else _Near(near, counts[near])
