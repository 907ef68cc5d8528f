"""Tables as people write them: CSV with any usual delimiter and byte order mark, TSV, or JSON."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from study.cohort.text import Unusable, is_plain, read_json, read_text
from study.errors import CohortError, Problem

NOT_GIVEN = ("", "n/a")  # "n/a" is how BIDS writes an empty cell
FLAGS = ("control",)  # columns in which JSON's true and false are answers, not mistakes
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 100_000, 1_000, 2_000_000
_DELIMITERS = (",", ";", "\t")
_STRANGE = "holds characters that are not text (NUL or half of a pair)"


@dataclass(frozen=True)
class TableRow:
    """One row: its place in the file, and its cells by column ('' is empty)."""

    where: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """Columns in the file's order, and rows with a cell for each of them."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def read_table(path: Path) -> Table:
    """Read a table: JSON if the file is named so, else CSV or TSV; raises CohortError with everything that is wrong."""
    try:
        table = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path, read_text(path))
    except Unusable as error:
        raise _refusal(path.absolute(), [(error.what, error.remedy)]) from None
    if not table.rows:
        raise _refusal(path, [("no subject in it", "give one row for each subject")])
    return table


def _refusal(path: Path, mistakes: Sequence[tuple[str, str]]) -> CohortError:
    return CohortError([Problem("table", path, what, remedy) for what, remedy in mistakes])


def _from_csv(path: Path, text: str) -> Table:
    lines = _csv_lines(path, text)
    if not lines:
        raise _refusal(path, [("is empty", "give a header line and one row for each subject")])
    columns = lines[0][1]
    while columns and not columns[-1]:  # spreadsheets leave delimiters behind the last column
        columns.pop()
    _check_size(path, len(lines) - 1, len(columns))
    mistakes = _header_mistakes(columns)
    rows = []
    for number, cells in lines[1:]:
        if len(cells) < len(columns) or any(cells[len(columns) :]):
            what = f"line {number} has {len(cells)} cells where the header has {len(columns)}"
            mistakes.append((what, f"write one cell for each column, delimited by {_delimiter(text)!r}"))
        rows.append(TableRow(f"line {number}", dict(zip(columns, cells, strict=False))))
    if mistakes:
        raise _refusal(path, mistakes)
    return Table(tuple(columns), tuple(rows))


def _csv_lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """Line number and stripped cells of each line that is not blank; at most one row too many."""
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=_delimiter(text), strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((reader.line_num, stripped))
            if len(lines) > MOST_ROWS + 1:
                break
    except csv.Error as error:
        what = f"line {reader.line_num} is malformed ({error})"
        raise _refusal(path, [(what, "check its quotation marks and delimiters")]) from None
    return lines


def _delimiter(text: str) -> str:
    """The delimiter that the first line that is not blank has most of."""
    header = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    return max(_DELIMITERS, key=header.count)


def _check_size(path: Path, rows: int, columns: int) -> None:
    """Raise CohortError for a table that is larger than any cohort."""
    if rows > MOST_ROWS or columns > MOST_COLUMNS or rows * columns > MOST_CELLS:
        most = f"{MOST_ROWS} rows, {MOST_COLUMNS} columns, {MOST_CELLS} cells"
        raise _refusal(path, [(f"is larger than a cohort may be ({most})", "give the right file")])


def _header_mistakes(columns: Sequence[str]) -> list[tuple[str, str]]:
    mistakes = [
        (f"column '{column}' appears {count} times", "keep one of them")
        for column, count in sorted(Counter(columns).items())
        if column and count > 1
    ]
    if "" in columns:
        mistakes.append((f"column {list(columns).index('') + 1} has no name", "name it, or delete it"))
    return mistakes


def _from_json(path: Path) -> Table:
    repeated: dict[str, None] = {}

    def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(name for name, _ in pairs)
        repeated.update(dict.fromkeys(name for name, count in sorted(counts.items()) if count > 1))
        return dict(pairs)

    content = read_json(path, to_object)
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        remedy = 'write [{"subject": "s1", "center": "A", "DWI": "s1_dwi.nii.gz"}, …]'
        raise _refusal(path, [("is not a list of objects", remedy)])
    columns = tuple(dict.fromkeys(name for item in content for name in item))
    _check_size(path, len(content), len(columns))
    mistakes = [(f"key '{name}' appears twice in one object", "keep one of them") for name in repeated]
    if not all(map(is_plain, columns)):
        mistakes.append((f"a key {_STRANGE}", "rename it"))
    rows = []
    for number, item in enumerate(content, start=1):
        mistakes += [(f"entry {number}: {name} {what}", "write it as text") for name, what in _wrong(item)]
        cells = {name: "" if item.get(name) is None else str(item[name]).strip() for name in columns}
        rows.append(TableRow(f"entry {number}", cells))
    if mistakes:
        raise _refusal(path, mistakes)
    return Table(columns, tuple(rows))


def _wrong(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The keys of an object whose values are no cells, and what is wrong with them."""
    for name, value in item.items():
        mistaken = isinstance(value, bool) and name.casefold() not in FLAGS
        if mistaken or not isinstance(value, str | int | None):
            yield name, f"is {shortened(value)}"
        elif isinstance(value, str) and not is_plain(value):
            yield name, _STRANGE
