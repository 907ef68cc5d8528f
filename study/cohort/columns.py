"""What the columns of a table hold; case, accents, spaces and punctuation of their names do not matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from study.cohort.filenames import modality_named
from study.cohort.names import closest, find_alike, folded
from study.cohort.table import Table, TableRow
from study.errors import Remark

Mistake = tuple[str, str]  # what is wrong, and what to do
MOST_LISTED = 12  # columns in a line


@dataclass(frozen=True)
class Role:
    """What a column may hold.

    Attributes:
        name: of the role; a column with this name has it.
        hints: other names by which people call it: such a column is not taken for it, but asked about.
        spellings: further names of the column that are right.
        required: a table without such a column is of no use.
    """

    name: str
    hints: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    required: bool = False


SUBJECT_HINTS = ("subject_id", "participant", "participant_id", "id", "case", "case_id", "sujet", "proband")
PATIENT = Role("patient", ("patient_id", "patient_name", "patient_number", "patient_code", "pat_id", "pid"))
CENTER = Role(
    "center",
    (
        *("centre", "center_name", "center_id", "centre_name", "centre_id", "zentrum", "centro"),
        *(
            "site",
            "site_name",
            "site_id",
            "hospital",
            "hospital_name",
            "hospital_id",
            "hopital",
            "krankenhaus",
        ),
        *("clinic", "clinique", "klinik", "klinikum", "institution", "institute", "ospedale", "ziekenhuis"),
    ),
    required=True,
)


@dataclass(frozen=True)
class Columns:
    """The columns of a table.

    Attributes:
        of: role or modality to its column.
        unknown: columns that are neither, in the table's order.
        mistakes: columns that are missing, that cannot be told apart, or that probably mean a role.
    """

    of: Mapping[str, str]
    unknown: tuple[str, ...]
    mistakes: tuple[Mistake, ...]

    def cells(self, row: TableRow) -> dict[str, str]:
        """The cells of a row by role and modality."""
        return {name: row.cells[column] for name, column in self.of.items()}


def recognise(table: Table, roles: Sequence[Role], modalities: Sequence[str] = ()) -> Columns:
    """The role of each column.

    Args:
        table: with columns as people call them.
        roles: that columns may have.
        modalities: other columns that are known.
    """
    spelt = {folded(name): role.name for role in roles for name in (role.name, *role.spellings)}
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
    absent = [role for role in roles if role.name not in meanings]
    mistakes += [mistake for role in absent for mistake in _missing(role, table.columns, unknown)]
    return Columns({name: columns[0] for name, columns in meanings.items()}, tuple(unknown), tuple(mistakes))


def _missing(role: Role, columns: Sequence[str], unknown: Sequence[str]) -> Iterator[Mistake]:
    """A column that probably means a role which no column has, or the absence of a required one."""
    hints = [folded(hint) for hint in role.hints]
    meant = next((column for column in columns if folded(column) in hints), None)
    meant = meant or next((column for column in unknown if find_alike([column, role.name])), None)
    if role.required:
        meant = meant or closest(role.name, unknown)
        what = f"no column '{role.name}'; there are {', '.join(columns)}"
        yield what, f"rename '{meant}' to {role.name} if it is that, or add the column" if meant else "add it"
    elif meant:
        remedy = f"rename it to {role.name} if it is that, or give it a name that is less like it"
        yield f"no column '{role.name}', but '{meant}'", remedy


def not_used(columns: Sequence[str], table: str, kind: str = "columns", remedy: str = "") -> Iterator[Remark]:
    """A remark on columns of a table that are not used; none without columns."""
    if columns:
        more = f" and {len(columns) - MOST_LISTED} more" if len(columns) > MOST_LISTED else ""
        yield Remark(table, f"{kind} that are not used: {', '.join(columns[:MOST_LISTED])}{more}", remedy)
