"""Tables as text for the terminal, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import replace

from analysis.estimates import Estimate, Interval
from analysis.tables import Across, Cell, Column, Table

NONE = "–"
NUMBERS = frozenset({"count", "number", "probability"})  # kinds of columns that are aligned to the right
MOST_DECIMALS = 9
WIDTH = 110  # of notes in the terminal
LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
}


def to_text(table: Table) -> str:
    """Caption, aligned columns and notes."""
    import textwrap

    header, *lines = printed(table)
    right = _right(table)
    widths = [max(len(line[place]) for line in [header, *lines]) for place in range(len(header))]
    rule = ["-" * width for width in widths]
    aligned = [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [header, rule, *lines]
    ]
    notes = [line for note in table.notes for line in textwrap.wrap(note, WIDTH)]
    return "\n".join([table.caption, *aligned, *notes])


def to_markdown(table: Table) -> str:
    """Caption, table and notes, each a block of its own."""
    header, *lines = printed(table)
    right = _right(table)
    rule = ["---:" if place in right else "---" for place in range(len(header))]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [header, *lines]]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in [cells[0], rule, *cells[1:]])
    return "\n\n".join([f"**{table.caption}**", drawn, *([" ".join(table.notes)] if table.notes else [])])


def to_latex(table: Table) -> str:
    """A `table` of the packages booktabs and threeparttable; it is labelled `tab:<name>`."""
    header, *lines = ([_latex(cell) for cell in line] for line in printed(table))
    places = "".join("r" if place in _right(table) else "l" for place in range(len(header)))
    rows = [f"    {' & '.join(line)} \\\\" for line in lines]
    notes = [f"    \\item {_latex(note)}" for note in table.notes]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            r"  \begin{threeparttable}",
            f"  \\caption{{{_latex(table.caption)}}}",
            f"  \\label{{tab:{table.name}}}",
            f"  \\begin{{tabular}}{{{places}}}",
            r"    \toprule",
            f"    {' & '.join(header)} \\\\",
            r"    \midrule",
            *rows,
            r"    \bottomrule",
            r"  \end{tabular}",
            *([r"  \begin{tablenotes}", *notes, r"  \end{tablenotes}"] if notes else []),
            r"  \end{threeparttable}",
            r"\end{table}",
        ]
    )


def without_repeats(tables: Sequence[Table]) -> list[Table]:
    """Tables that are read one after the other: a note that several have stands below the last of them."""
    below = {note: place for place, table in enumerate(tables) for note in table.notes}
    return [
        replace(table, notes=tuple(note for note in table.notes if below[note] == place))
        for place, table in enumerate(tables)
    ]


def to_csv(table: Table) -> str:
    """The numbers with all their digits, one line a row; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    frame = table.frame()
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False):
        writer.writerow("" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row)
    return text.getvalue()


def printed(table: Table) -> list[list[str]]:
    """The cells of a table as readers see them, the header first."""
    if table.across is not None:
        return _turned(table, table.across)
    header = [_heading(column) for column in table.columns]
    return [header, *(list(_cells(table, row).values()) for row in table.rows)]


def shown_estimate(value: Estimate, decimals: int = 3, *, signed: bool = False) -> str:
    """`0.472 (0.349 to 0.597)`; `0.472 (–)` without an interval, `–` without a mean."""
    if math.isnan(value.mean):
        return NONE
    return (
        f"{_number(value.mean, decimals, signed)} ({shown_interval(value.interval, decimals, signed=signed)})"
    )


def shown_interval(interval: tuple[float, float] | None, decimals: int = 3, *, signed: bool = False) -> str:
    """`0.349 to 0.597`, with more decimals where both ends would look the same."""
    if interval is None:
        return NONE
    for digits in range(decimals, MOST_DECIMALS + 1):
        low, high = (_number(end, digits, signed) for end in interval)
        if low != high:
            break
    return f"{low} to {high}"


def _turned(table: Table, across: Across) -> list[list[str]]:
    """A line for each number and group of rows, and a column for each value of `across`."""
    names = [column.name for column in table.columns]
    place = names.index(across.column)
    groups: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}  # by group, then by value of `across`
    for row in table.rows:
        cells = _cells(table, row)
        group = tuple(cells[name] for name in names[:place])
        groups.setdefault(group, {})[cells[across.column]] = cells
    there = {value for parts in groups.values() for value in parts}
    values = [value for value in across.values if value in there]
    lines = [
        [
            column.title,
            *group,
            *(parts[value][column.name] if value in parts else NONE for value in values),
        ]
        for column in table.columns[place + 1 :]
        for group, parts in groups.items()
    ]
    return [["", *(column.title for column in table.columns[:place]), *values], *lines]


def _cells(table: Table, row: Sequence[Cell]) -> dict[str, str]:
    """The cells of a row as readers see them, by the columns' names."""
    content = {column.name: cell for column, cell in zip(table.columns, row, strict=True)}
    subjects = content.get("n")
    return {
        column.name: _shown(column, content[column.name], subjects if isinstance(subjects, int) else None)
        for column in table.columns
    }


def _shown(column: Column, cell: Cell, subjects: int | None) -> str:
    if isinstance(cell, Estimate):
        fewer = f" [n {cell.n}]" if subjects is not None and 0 < cell.n != subjects else ""
        return shown_estimate(cell, column.decimals, signed=column.signed) + fewer
    if isinstance(cell, Interval):
        return shown_interval(cell, column.decimals, signed=column.signed)
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return NONE
    if column.kind == "flag":
        return "yes" if cell else "no"
    if column.kind == "removed":
        return str(cell) or "nothing"
    if isinstance(cell, float):
        return (
            _number(cell, column.decimals, column.signed) if column.kind == "number" else shown_chance(cell)
        )
    return str(cell)


def shown_chance(p: float) -> str:
    """`0.043`, `<0.001`."""
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def shown_p(p: float) -> str:
    """`p = 0.043`, `p <0.001`."""
    shown = shown_chance(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"


def _number(value: float, decimals: int, signed: bool) -> str:
    shown = f"{value:{'+' if signed else ''}.{decimals}f}"
    return shown if float(shown) else shown.replace("-", "+" if signed else "")


def _heading(column: Column) -> str:
    return f"{column.title} (95 %)" if column.kind in ("estimate", "interval") else column.title


def _right(table: Table) -> frozenset[int]:
    """Places of the printed columns that are aligned to the right."""
    if table.across is not None:
        return frozenset()
    return frozenset(place for place, column in enumerate(table.columns) if column.kind in NUMBERS)


def _latex(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in text)
