"""Whose scan a case is: told by one setting for all, by the names of cases, or by a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.cohort.cells import fault_of_name, has_file
from study.cohort.columns import CENTER, PATIENT, SUBJECT_HINTS, Columns, Role, not_used, recognise
from study.cohort.names import closest
from study.cohort.table import TableRow, read_table
from study.config.case_names import PREFIX, center_and_patient
from study.config.sources import NnunetRaw
from study.config.words import number_of
from study.errors import CohortError, Problem, Remark

_NAMES, _TABLE = "cohort.nnunet.centers", "cohort.nnunet.table"
_SPELLINGS = ("case_id", "case_identifier", "subject", "subject_id", "identifier")
_ROLES = (
    Role("case", tuple(hint for hint in SUBJECT_HINTS if hint not in _SPELLINGS), _SPELLINGS, required=True),
    CENTER,
    PATIENT,
)
_SKIP = "or leave the subject out with cohort.on_error=skip"
_SHOWN = 3  # names that a message has as examples


@dataclass(frozen=True)
class Origin:
    """Where one case comes from; what is not known is ''.

    Attributes:
        center, patient: as in `Subject`.
        problems: why they are not known.
    """

    center: str = ""
    patient: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Origins:
    """Where all cases come from.

    Attributes:
        of: each case.
        remarks: on what may not be meant.
    """

    of: Mapping[str, Origin]
    remarks: tuple[Remark, ...] = ()


def find_origins(settings: NnunetRaw, cases: Sequence[str]) -> Origins:
    """The center and the patient of each case.

    Raises:
        CohortError: the table cannot be used, or no case is in it; the pattern matches none.
    """
    if settings.table is not None:
        return origins_from_table(settings.table, cases, _TABLE)
    if settings.centers is not None:
        return _from_names(settings.centers, cases)
    return Origins({case: Origin(settings.center, case) for case in cases})


def _from_names(pattern: str, cases: Sequence[str]) -> Origins:
    told = {case: center_and_patient(pattern, case) for case in cases}
    matching = [case for case, names in told.items() if names]
    if not matching:
        what = (
            f"{pattern} matches none of {number_of(len(cases), 'case')}, such as {', '.join(cases[:_SHOWN])}"
        )
        raise CohortError([Problem(_NAMES, None, what, _hint(pattern, cases[0]))])
    found = {}
    for case, names in told.items():
        if names and all(names):
            found[case] = Origin(*names)
            continue
        what = f"{_NAMES} does not match its name" if names is None else f"{_NAMES} finds '' in its name"
        remedy = f"it matches {matching[0]}; {_hint(pattern, case)}, {_SKIP}"
        found[case] = Origin(patient=case, problems=(Problem(case, None, what, remedy),))
    return Origins(found, tuple(_doubts(found, _NAMES)))


def _hint(pattern: str, case: str) -> str:
    """What would make a pattern match a case."""
    if pattern == PREFIX:
        return "a name needs a '_' behind its center; give a pattern, or a table (cohort.nnunet.table)"
    if center_and_patient(f"{pattern}.*", case):
        return "end the pattern with .* if the rest of a name does not matter"
    if center_and_patient(f"(?i:{pattern})", case):
        return "begin the pattern with (?i) to ignore case"
    return "change the pattern, or give a table (cohort.nnunet.table)"


def origins_from_table(path: Path, cases: Sequence[str], setting: str) -> Origins:
    """The center and the patient of each case, by a table with columns case, center and, if known, patient.

    Args:
        path: of the table, CSV or JSON.
        cases: of the data set.
        setting: that names the table.

    Raises:
        CohortError: the table cannot be used, or no case is in it.
    """
    table = read_table(path)
    columns = recognise(table, _ROLES)
    if columns.mistakes:
        raise CohortError([Problem(setting, path, *mistake) for mistake in columns.mistakes])
    rows: dict[str, list[TableRow]] = {}
    for row in table.rows:
        rows.setdefault(columns.cells(row)["case"], []).append(row)
    if not set(rows) & set(cases):
        what = f"none of its cases ({', '.join(list(rows)[:_SHOWN])}, …) is in the data set"
        remedy = f"write them as the files are called: {', '.join(cases[:_SHOWN])}"
        raise CohortError([Problem(setting, path, what, remedy)])
    found = {case: _row_origin(path, case, rows, columns) for case in cases}
    others = [case for case in rows if case and case not in found]
    remarks = [*not_used(columns.unknown, path.name), *_doubts(found, setting)]
    if others:
        shown = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
        remarks.append(Remark(path.name, f"cases that the data set does not have: {len(others)} ({shown})"))
    return Origins(found, tuple(remarks))


def _row_origin(path: Path, case: str, rows: Mapping[str, Sequence[TableRow]], columns: Columns) -> Origin:
    """The origin of a case by its row; with problems where it has none, or several, or cells are not filled."""
    own = rows.get(case, ())
    if len(own) != 1:
        near = closest(case, rows)
        what = f"is in {' and '.join(row.where for row in own)}" if own else "has no row"
        remedy = "keep one" if own else f"add it{f', or correct {near} if it is that' if near else ''}"
        return Origin(patient=case, problems=(Problem(case, path, what, f"{remedy}, {_SKIP}"),))
    cells = columns.cells(own[0])
    center = cells["center"] if has_file(cells["center"]) else ""
    patient = cells.get("patient", "")
    problems = []
    if not center:
        what = f"{own[0].where} has no center"
        problems.append(Problem(case, path, what, f"fill the cell, {_SKIP}"))
    for name, cell in (("center", center), ("patient", patient)):
        if cell and (fault := fault_of_name(cell)):
            problems.append(Problem(case, path, f"{own[0].where}: the {name} is {fault[0]}", fault[1]))
    return Origin(center, patient or case, tuple(problems))


def _doubts(found: Mapping[str, Origin], setting: str) -> Iterator[Remark]:
    """Centers that are hardly meant: a single one, or one for each patient."""
    known = [one for one in found.values() if one.center]
    patients = Counter(center for center, _ in {(one.center, one.patient) for one in known})
    if len(patients) == 1 and len(known) > 1:
        yield Remark(setting, f"all cases are of one center, {known[0].center}")
    elif len(patients) > 1 and set(patients.values()) == {1}:
        yield Remark(setting, f"each of {len(patients)} centers has a single patient", "is it the center?")
