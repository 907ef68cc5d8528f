"""Centers, patients and subjects that may have been mixed up: names that are alike, and patients at two centers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from study.cohort.names import find_alike
from study.cohort.patients import patient_of
from study.cohort.records import Subject
from study.cohort.text import is_plain
from study.config.words import number_of
from study.errors import Problem, Remark

PLACE = "cohort.names"
MOST_TOLD = 10  # mix-ups of a kind
MOST_LISTED = 3  # subjects of a mix-up
_DIFFERENT = "write them alike, or set cohort.names=trust if they are different"
_TWICE = (
    "correct the center; or give different people different names in a column patient; or set cohort.names=trust if "
    "one person was scanned at both"
)


@dataclass(frozen=True)
class Mixup:
    """What may be a mistake.

    Attributes:
        kind: "centers", "patients" or "subjects" with names that are alike, or "patients at two centers".
        what: there is, in words; names patients and subjects unless they are pseudonymous.
        remedy: if it is a mistake, and if it is none.
    """

    kind: str
    what: str
    remedy: str = _DIFFERENT


def find_mixups(subjects: Sequence[Subject]) -> list[Mixup]:
    """All mix-ups among the subjects of a cohort; what is wrong with a single subject does not matter."""
    named = [one for one in subjects if is_plain(one.id + one.patient + one.center)]
    return [*_centers(named), *_patients(named), *_subjects(named), *_at_two_centers(named)]


def refusals(mixups: Sequence[Mixup]) -> list[Problem]:
    """The mix-ups as problems, not too many of a kind."""
    counts: Counter[str] = Counter()
    problems = []
    for one in mixups:
        counts[one.kind] += 1
        if counts[one.kind] <= MOST_TOLD:
            problems.append(Problem(PLACE, None, one.what, one.remedy))
    more = ", ".join(f"{kind} {count - MOST_TOLD}" for kind, count in counts.items() if count > MOST_TOLD)
    if more:
        problems.append(
            Problem(PLACE, None, f"there are more: {more}", "correct those that are listed first")
        )
    return problems


def trusted(mixups: Sequence[Mixup]) -> list[Remark]:
    """One remark on all mix-ups, which names centers alone; none without mix-ups."""
    if not mixups:
        return []
    counts = Counter(one.kind for one in mixups)
    listed = ", ".join(f"{kind} {count}" for kind, count in counts.items())
    centers = [one.what for one in mixups if one.kind == "centers"]
    named = f" ({'; '.join(centers)})" if centers else ""
    return [Remark(f"{PLACE}=trust", f"what may be mixed up is taken as it is: {listed}{named}")]


def _centers(subjects: Sequence[Subject]) -> Iterator[Mixup]:
    counts = Counter(one.center for one in subjects)
    for alike in find_alike(counts):
        names = _joined([f"'{name}' ({number_of(counts[name], 'subject')})" for name in alike.names])
        yield Mixup("centers", f"the centers {names} differ {alike.difference}")


def _patients(subjects: Sequence[Subject]) -> Iterator[Mixup]:
    """Running numbers are compared at one center only, as they are other people at another."""
    by_scope: dict[str, dict[str, list[Subject]]] = defaultdict(lambda: defaultdict(list))
    for one in subjects:
        scope, patient = patient_of(one)
        by_scope[scope][patient].append(one)
    for patients in by_scope.values():
        yield from _alike("patients", patients)


def _subjects(subjects: Sequence[Subject]) -> Iterator[Mixup]:
    """Subjects of different patients at one center, unless the patients are called like the subjects."""
    by_center: dict[str, dict[str, list[Subject]]] = defaultdict(lambda: defaultdict(list))
    for one in subjects:
        if one.id != one.patient:
            by_center[one.center][one.id].append(one)
    for named in by_center.values():
        yield from _alike("subjects", named)


def _alike(kind: str, named: Mapping[str, Sequence[Subject]]) -> Iterator[Mixup]:
    for alike in find_alike(named):
        if len({patient_of(one) for name in alike.names for one in named[name]}) > 1:
            some = [named[name][0] for name in alike.names]
            if any(one.pseudonymous for one in some):
                what = f"the names of the {kind} of {_joined([one.label for one in some])}"
            else:
                quoted = _joined([f"'{name}'" for name in alike.names])
                what = f"the {kind} {quoted}"
            yield Mixup(kind, f"{what} differ {alike.difference}")


def _at_two_centers(subjects: Sequence[Subject]) -> Iterator[Mixup]:
    scans: dict[tuple[str, str], list[Subject]] = defaultdict(list)
    for one in subjects:
        scans[patient_of(one)].append(one)
    for (_, patient), several in sorted(scans.items()):
        centers = sorted({one.center for one in several})
        if len(centers) > 1:
            who = "a patient" if any(one.pseudonymous for one in several) else f"patient '{patient}'"
            places = [
                _at(center, [one.label for one in several if one.center == center]) for center in centers
            ]
            yield Mixup("patients at two centers", f"{who} is at {_joined(places)}", _TWICE)


def _at(center: str, labels: Sequence[str]) -> str:
    more = ", …" if len(labels) > MOST_LISTED else ""
    return f"{center} ({', '.join(labels[:MOST_LISTED])}{more})"


def _joined(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
