"""Tables as people write them: CSV with any usual delimiter and byte order mark, TSV, or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.errors import CohortError, Problem

NOT_GIVEN = ("", "n/a")  # "n/a" is how BIDS writes an empty cell
FLAGS = ("control",)  # columns in which JSON's true and false are answers, not slips
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Row:
    """One row: where it stands in the file, and its cells by column ('' is empty)."""

    where: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """Columns in the file's order, and rows that all have them all."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table:
    """The table in a file, JSON by its name, else CSV or TSV; raises CohortError with all that is wrong."""
    text = _read_text(path)
    table = _from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)
    if not table.rows:
        raise _refusal(path, [("no subject in it", "give one row for each subject")])
    return table


def _refusal(path: Path, mistakes: Sequence[tuple[str, str]]) -> CohortError:
    return CohortError([Problem("table", path, what, remedy) for what, remedy in mistakes])


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _refusal(path.absolute(), [("file is missing", "correct the path")]) from None
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise _refusal(path, [(what, "give a file that you may read")]) from None
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refusal(path, [(f"line {line} is not UTF-8", "save it as 'CSV UTF-8'")]) from None
    if "\0" in text:
        raise _refusal(
            path, [("is a binary file", "give a CSV or JSON file; a spreadsheet must be exported to CSV")]
        )
    return text


def _from_csv(path: Path, text: str) -> Table:
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((reader.line_num, stripped))
    except csv.Error as error:
        what = f"line {reader.line_num} is malformed ({error})"
        raise _refusal(path, [(what, "check its quotation marks and delimiters")]) from None
    if not lines:
        raise _refusal(path, [("is empty", "give a header line and one row for each subject")])
    columns = lines[0][1]
    while columns and not columns[-1]:  # spreadsheets leave delimiters behind the last column
        columns.pop()
    mistakes = _header_mistakes(columns)
    rows = []
    for number, cells in lines[1:]:
        extra = cells[len(columns) :]
        if len(cells) < len(columns) or any(extra):
            what = f"line {number} has {len(cells)} cells where the header has {len(columns)}"
            mistakes.append(
                (what, f"write one cell for each column, delimited by {delimiter!r} as in the header")
            )
        rows.append(Row(f"line {number}", dict(zip(columns, cells, strict=False))))
    if mistakes:
        raise _refusal(path, mistakes)
    return Table(tuple(columns), tuple(rows))


def _header_mistakes(columns: Sequence[str]) -> list[tuple[str, str]]:
    mistakes = [
        (f"column '{column}' is there {columns.count(column)} times", "keep one of them")
        for column in sorted(set(columns))
        if column and columns.count(column) > 1
    ]
    if "" in columns:
        mistakes.append((f"column {columns.index('') + 1} has no name", "name it, or delete it"))
    return mistakes


def _from_json(path: Path, text: str) -> Table:
    repeated: list[str] = []

    def to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        repeated.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(pairs)

    try:
        content = json.loads(text, object_pairs_hook=to_object)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _refusal(path, [(f"is no JSON ({error})", "correct it")]) from None
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        remedy = 'write [{"subject": "s1", "center": "A", "DWI": "s1_dwi.nii.gz"}, …]'
        raise _refusal(path, [("is no list of objects", remedy)])
    mistakes = [
        (f"key '{name}' is twice in one object", "keep one of them") for name in dict.fromkeys(repeated)
    ]
    columns = tuple(dict.fromkeys(name for item in content for name in item))
    rows = []
    for number, item in enumerate(content, start=1):
        for name, value in item.items():
            slip = isinstance(value, bool) and name.casefold() not in FLAGS
            if slip or not isinstance(value, str | int | None):
                mistakes.append((f"entry {number}: {name} is {value!r}", "write it as text"))
        cells = {name: "" if item.get(name) is None else str(item[name]).strip() for name in columns}
        rows.append(Row(f"entry {number}", cells))
    if mistakes:
        raise _refusal(path, mistakes)
    return Table(columns, tuple(rows))
