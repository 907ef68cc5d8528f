"""Splits that are given in a file of subject ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from study.cohort.names import closest
from study.cohort.patients import Patient, Use, patient_of
from study.cohort.records import Cohort, Subject
from study.cohort.remarks import set_apart
from study.cohort.split_files import PLACE, Listed, read_split_lists
from study.config import CohortConfig
from study.errors import ConfigError


def read_fixed(cohort: Cohort, candidates: Sequence[Subject], settings: CohortConfig) -> Mapping[str, Use]:
    """The use of each listed subject's key.

    The file has lists `train`, `validation` and `test` of subject ids, of `center/id` where two centers share an
    id, or of keys as in a study's prepared.json, which can be given itself. Subjects that are not listed are not used,
    except control scans that are evaluated separately: they follow their patients.

    nnU-Net's splits_final.json is read, too. Its folds are of all cases: those of centers that are not learnt from are
    left out of a fold, and those that the data set keeps for the test (imagesTs) are added to it.

    Args:
        cohort: all subjects, to tell an unknown one from one that cannot be used.
        candidates: subjects of seen centers with the target's mask, without control scans that are set apart.
        settings: names the file, the target and the unseen centers.

    Raises:
        ConfigError: every mistake in the file.
    """
    lists = read_split_lists(settings.splits)
    skipped = {problem.subject for problem in cohort.problems}
    names: dict[str, list[Subject]] = defaultdict(list)
    for known in cohort.subjects:
        for name in {known.id, f"{known.center}/{known.id}", known.key}:
            names[name].append(known)
    usable = {subject.key for subject in candidates}
    problems: list[str] = []
    uses: dict[str, Use] = {}
    for one in lists.listed:
        use, found = one.use, names.get(one.name, ())
        if not found and one.name in skipped:
            continue
        if len(found) != 1:
            problems.append(f"{PLACE}: subject {_unclear(one, found, cohort)}")
            continue
        subject = found[0]
        if lists.by_fold and not _is_learnt_from(subject.center, settings):
            continue
        if fault := _fault(subject, use, uses, usable, settings):
            shown = subject.label if subject.pseudonymous else one.name
            problems.append(f"{PLACE}: subject {shown} {fault}")
        elif subject.center not in settings.unseen:  # unseen subjects are tested whether listed or not
            uses[subject.key] = use
    if lists.by_fold:
        for subject in candidates:
            if subject.held_out:
                uses.setdefault(subject.key, "test")
    problems += _shared_patients(cohort, uses, settings)
    if problems:
        raise ConfigError(problems)
    return uses


def _fault(
    subject: Subject, use: Use, uses: Mapping[str, Use], usable: Collection[str], settings: CohortConfig
) -> str | None:
    """Why a listed subject cannot have this use; None if it can."""
    if subject.key in uses:
        return f"is listed twice ({uses[subject.key]}, {use}); keep one"
    if subject.center in settings.unseen:
        if use == "test":
            return None
        return (
            f"in {use} is of the unseen center {subject.center}; "
            "move it to test, or take the center from cohort.unseen"
        )
    return None if subject.key in usable else f"in {use} {_why_not(subject, settings)}"


def _is_learnt_from(center: str, settings: CohortConfig) -> bool:
    return center not in settings.unseen and (settings.seen is None or center in settings.seen)


def _unclear(listed: Listed, found: Sequence[Subject], cohort: Cohort) -> str:
    """What is wrong with a name that is no single subject's; where subjects are pseudonymous, without the name."""
    hidden = any(subject.pseudonymous for subject in cohort.subjects)
    shown = f"{listed.number} of {listed.use}" if hidden else listed.name
    if found:
        places = [subject.label if hidden else f"{subject.center}/{subject.id}" for subject in found]
        return f"{shown} is at {len(found)} centers; write {' or '.join(places)}"
    labels = [subject.label for subject in cohort.subjects]
    near = None if hidden else closest(listed.name, labels)
    there = f"did you mean {near}?" if near else f"there is {', '.join(labels[:3])}, …"
    return f"{shown} is not in the cohort of {len(labels)}; {there}"


def _why_not(subject: Subject, settings: CohortConfig) -> str:
    if settings.target not in subject.masks:
        return f"has no {settings.target} mask; remove it from the list, or give it one"
    if set_apart(subject, settings):
        return "is a control scan; remove it from the list, or set cohort.controls=include"
    return f"is of center {subject.center}, which cohort.seen leaves out; remove it, or add the center"


def _shared_patients(cohort: Cohort, uses: Mapping[str, Use], settings: CohortConfig) -> list[str]:
    """Problems of patients who are in two splits; the unseen centers count as one."""
    places: dict[Patient, dict[str, list[Subject]]] = defaultdict(lambda: defaultdict(list))
    for subject in cohort.subjects:
        if set_apart(subject, settings):
            continue
        unseen = subject.center in settings.unseen and settings.target in subject.masks
        use = "unseen" if unseen else uses.get(subject.key)
        if use is not None:
            places[patient_of(subject)][use].append(subject)
    problems = []
    for (_, patient), by_use in sorted(places.items()):
        if len(by_use) > 1 and set(by_use) != {"test", "unseen"}:
            labels = {use: ", ".join(one.label for one in some) for use, some in by_use.items()}
            where = ", ".join(f"{use} ({listed})" for use, listed in labels.items())
            hidden = any(one.pseudonymous for some in by_use.values() for one in some)
            who = "a patient" if hidden else f"patient {patient}"
            problems.append(f"{PLACE}: {who} is in two splits: {where}; all scans of one belong together")
    return problems
