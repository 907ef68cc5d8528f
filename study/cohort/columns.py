"""What the columns of a table hold, however they are spelt."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from study.cohort.filenames import modality_named
from study.cohort.likeness import find_alike, folded, nearest
from study.cohort.table import Table
from study.errors import Remark

MOST_LISTED = 12  # columns or centers in one line
Mistake = tuple[str, str]  # what is wrong, and what to do

SUBJECT_NAMES = ("subject_id", "participant", "participant_id", "id", "case", "case_id", "sujet", "proband")
PATIENT_NAMES = ("patient_id", "patient_name", "patient_number", "patient_code", "pat_id", "pid")
CENTER_NAMES = (
    *("centre", "center_name", "center_id", "centre_name", "centre_id", "zentrum", "centro"),
    *("site", "site_name", "site_id", "hospital", "hospital_name", "hospital_id", "hopital", "krankenhaus"),
    *("clinic", "clinique", "klinik", "klinikum", "institution", "institute", "ospedale", "ziekenhuis"),
)


@dataclass(frozen=True)
class Role:
    """What a column may hold.

    Attributes:
        name: of the role.
        spellings: of its column, the documented one first; case, accents, spaces and punctuation do not matter.
        others: names that are taken for it, with a remark, where there is no such column.
    """

    name: str
    spellings: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    Attributes:
        of: role or modality to its column.
        unknown: columns that are neither, in the table's order.
        mistakes: columns that cannot be told apart, or are probably misspelt.
        remarks: which columns are taken for which role.
    """

    of: Mapping[str, str]
    unknown: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    remarks: tuple[Remark, ...]


def recognise(table: Table, roles: Sequence[Role], about: str, modalities: Sequence[str] = ()) -> Columns:
    """The role of each column.

    Args:
        table: with columns as people call them.
        roles: that columns may have.
        about: the table's name in remarks.
        modalities: other columns that are known; their case does not matter.
    """
    spelt = {folded(spelling): role.name for role in roles for spelling in role.spellings}
    meanings: dict[str, list[str]] = defaultdict(list)
    unknown: list[str] = []
    for column in table.columns:
        meaning = spelt.get(folded(column)) or modality_named(column, modalities)
        (meanings[meaning] if meaning in spelt.values() or meaning in modalities else unknown).append(column)
    mistakes = [
        (f"columns {', '.join(columns)} all mean {meaning}", "keep one of them")
        for meaning, columns in sorted(meanings.items())
        if len(columns) > 1
    ]
    of = {meaning: columns[0] for meaning, columns in meanings.items()}
    remarks = []
    for role in (role for role in roles if role.name not in of):
        taken = [column for column in unknown if folded(column) in map(folded, role.others)]
        if len(taken) > 1:
            what = f"no column '{role.spellings[0]}', and {' and '.join(taken)} may both be it"
            mistakes.append((what, f"call one of them {role.spellings[0]}"))
        elif taken:
            of[role.name] = taken[0]
            remarks.append(_taken(table, role, taken[0], about))
        unknown = [column for column in unknown if column not in taken]
    mistakes += _misspelt(unknown, [role for role in roles if role.name not in of])
    return Columns(of, tuple(unknown), tuple(mistakes), tuple(remarks))


def missing(table: Table, columns: Columns, roles: Sequence[Role]) -> list[Mistake]:
    """The roles that no column has, each with the column that comes nearest."""
    found = []
    told = " ".join(what for what, _ in columns.mistakes)
    for role in roles:
        name = role.spellings[0]
        if role.name in columns.of or f"'{name}'" in told:
            continue
        near = next(filter(None, (nearest(each, columns.unknown) for each in (name, *role.others))), None)
        remedy = f"call '{near}' {name}, if it is that, or add the column" if near else "add it"
        found.append((f"no column '{name}'; there are {', '.join(table.columns)}", remedy))
    return found


def not_used(columns: Sequence[str], about: str, what: str = "", remedy: str = "") -> Iterator[Remark]:
    """A remark on columns that are not used; none without columns."""
    if columns:
        count = "1 column is" if len(columns) == 1 else f"{len(columns)} columns are"
        yield Remark(about, f"{count} not used{what}: {shortened(columns)}", remedy)


def shortened(names: Sequence[str]) -> str:
    """Names in one line, the last ones counted."""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _taken(table: Table, role: Role, column: str, about: str) -> Remark:
    counts = Counter(row.cells[column] for row in table.rows)
    listed = shortened([f"{value} {count}" for value, count in sorted(counts.items())])
    values = f" ({listed})" if role.name == "center" else ""
    name = role.spellings[0]
    remedy = f"if it is not, give the table a column '{name}'"
    return Remark(about, f"column '{column}' is taken for {name}{values}", remedy)


def _misspelt(columns: Sequence[str], absent: Sequence[Role]) -> Iterator[Mistake]:
    """Columns one letter away from what the table lacks: without it, a patient's scans would fall into two splits."""
    for column in columns:
        for role in absent:
            if any(find_alike([column, name]) for name in (*role.spellings, *role.others)):
                name = role.spellings[0]
                yield f"no column '{name}', but '{column}'", f"call it {name}, or by a name that is less like it"
                break
