"""Splits that somebody else has fixed, from a JSON file of subject ids."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from study.cohort.patients import USES, Patient, Use, patient_of
from study.cohort.records import Cohort, Subject
from study.cohort.remarks import set_apart
from study.config import CohortConfig
from study.errors import ConfigError

_PATH = "cohort.splits.path"
_IGNORED = ("unseen", "control", "skipped")  # stand in a study's own splits.json, and follow from the rest


def read_fixed(cohort: Cohort, candidates: Sequence[Subject], settings: CohortConfig) -> Mapping[str, Use]:
    """The use of each listed subject's key.

    The file has lists `train`, `validation` and `test` of subject ids, of `center/id` where an id is at two
    centers, or of keys as in a study's splits.json. Subjects that are not listed are not used, but for control
    scans that are evaluated apart: they follow their patients.

    Args:
        cohort: all subjects, to tell an unknown one from one that cannot be used.
        candidates: subjects of seen centers that have the target's mask, without control scans set apart.
        settings: names the file, the target and the unseen centers.

    Raises:
        ConfigError: every mistake in the file.
    """
    lists = _read(settings.splits.path or Path())
    names: dict[str, list[Subject]] = defaultdict(list)
    for known in cohort.subjects:
        for name in {known.id, f"{known.center}/{known.id}", known.key}:
            names[name].append(known)
    usable = {subject.key for subject in candidates}
    problems: list[str] = []
    uses: dict[str, Use] = {}
    for use in USES:
        for name in lists[use]:
            subject = _find(name, names, problems)
            if subject is None:
                continue
            if subject.key in uses:
                problems.append(
                    f"{_PATH}: subject {name} is listed twice ({uses[subject.key]}, {use}); keep one"
                )
            elif subject.center in settings.unseen:
                if use != "test":  # unseen subjects are tested whether listed or not
                    problems.append(
                        f"{_PATH}: subject {name} in {use} is of the unseen center {subject.center}; "
                        "move it to test, or take the center from cohort.unseen"
                    )
            elif subject.key not in usable:
                problems.append(f"{_PATH}: subject {name} in {use} {_why_not(subject, settings)}")
            else:
                uses[subject.key] = use
    problems += _shared_patients(cohort, uses, settings)
    if problems:
        raise ConfigError(problems)
    return uses


def _read(path: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError([f"{_PATH}: no file {path.absolute()}; give a JSON file"]) from None
    except (ValueError, OSError) as error:
        raise ConfigError([f"{_PATH}: {path} cannot be read as JSON ({error}); correct it"]) from None
    wanted = "expected {train: [ids], validation: [ids], test: [ids]}"
    if not isinstance(content, dict):
        raise ConfigError([f"{_PATH}: {path} is no JSON object; {wanted}"])
    problems = [
        f"{_PATH}: {path} has an unknown list '{name}'; {wanted}"
        for name in content
        if name not in USES and name not in _IGNORED
    ]
    lists: dict[str, list[str]] = {}
    for use in USES:
        values = content.get(use, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            problems.append(f"{_PATH}: '{use}' in {path} is no list of texts; {wanted}")
        lists[use] = values
    if problems:
        raise ConfigError(problems)
    return lists


def _find(name: str, names: Mapping[str, Sequence[Subject]], problems: list[str]) -> Subject | None:
    found = names.get(name, ())
    if len(found) == 1:
        return found[0]
    if found:
        places = " or ".join(f"{subject.center}/{subject.id}" for subject in found)
        problems.append(f"{_PATH}: subject {name} is at {len(found)} centers; write {places}")
        return None
    ids = sorted({subject.id for several in names.values() for subject in several})
    problems.append(
        f"{_PATH}: no subject {name} in the cohort of {len(ids)}; there is {', '.join(ids[:3])}, …"
    )
    return None


def _why_not(subject: Subject, settings: CohortConfig) -> str:
    if settings.target not in subject.masks:
        return f"has no {settings.target} mask; remove it from the list, or give it one"
    if set_apart(subject, settings):
        return "is a control scan; remove it from the list, or set cohort.controls=include"
    return f"is of center {subject.center}, which cohort.seen leaves out; remove it, or add the center"


def _shared_patients(cohort: Cohort, uses: Mapping[str, Use], settings: CohortConfig) -> list[str]:
    """Patients in two splits; the unseen centers are a split too."""
    places: dict[Patient, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for subject in cohort.subjects:
        if set_apart(subject, settings):
            continue
        unseen = subject.center in settings.unseen and settings.target in subject.masks
        use = "unseen" if unseen else uses.get(subject.key)
        if use is not None:
            places[patient_of(subject)][use].append(subject.id)
    problems = []
    for (_, patient), by_use in sorted(places.items()):
        if len(by_use) > 1 and set(by_use) != {"test", "unseen"}:
            where = ", ".join(f"{use} ({', '.join(ids)})" for use, ids in by_use.items())
            problems.append(
                f"{_PATH}: patient {patient} is in two splits: {where}; all scans of one belong together"
            )
    return problems
