"""Tables with typed columns; `analysis.rendering` makes text, CSV, Markdown and LaTeX of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from analysis.estimates import Estimate, Interval

if TYPE_CHECKING:
    import pandas as pd

Cell = str | bool | int | float | Estimate | Interval | None
TEST = (
    "p: Wilcoxon's signed-rank test over subjects, two-sided, adjusted for all comparisons of the table after Holm; "
    "with fewer than 6 subjects it cannot be below 0.05. Intervals are not adjusted: each is 95 % by itself."
)
TESTED = (
    "Test subjects took no part in any choice; to choose among trials or studies by these numbers is to choose on test "
    "data."
)
Kind = Literal["text", "flag", "count", "number", "probability", "interval", "estimate", "removed"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: in CSV and data frames, where an estimate or interval has `<name>_low` and `<name>_high`, too.
        title: as readers see it.
        kind: of its cells; `removed` are modalities, an empty text for none.
        decimals: of numbers.
        signed: whether numbers show a plus.
    """

    name: str
    title: str
    kind: Kind = "text"
    decimals: int = 3
    signed: bool = False


class Across(NamedTuple):
    """A column whose values stand side by side in print, with a line for each number of a row.

    Attributes:
        column: its name; columns before it say what a line is about, those behind it are the numbers.
        values: in order.
    """

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: of its files.
        title: what it shows, in one line.
        columns: in order.
        rows: cells in the order of the columns; None where there is nothing to say. A column `n` counts the subjects of
            the row's estimates; in print, an estimate that rests on fewer says so itself.
        notes: definitions, what n counts, what intervals are about; a sentence or two each.
        comparisons: number of tests that p is adjusted for; 0 if nothing is compared.
        across: how it is turned for print; None: as it is.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    comparisons: int = 0
    across: Across | None = None

    @property
    def caption(self) -> str:
        """The title, and how many comparisons there are."""
        if not any(column.kind == "probability" for column in self.columns):
            return self.title
        return f"{self.title}; {self.comparisons} comparison{'' if self.comparisons == 1 else 's'}"

    def frame(self) -> pd.DataFrame:
        """The numbers as a data frame, an estimate as its mean and the ends of its interval."""
        import pandas as pd

        lines = [
            [value for column, cell in zip(self.columns, row, strict=True) for value in _plain(column, cell)]
            for row in self.rows
        ]
        return pd.DataFrame(lines, columns=[name for column in self.columns for name in _names(column)])


def _names(column: Column) -> list[str]:
    ends = [f"{column.name}_low", f"{column.name}_high"]
    return {"estimate": [column.name, *ends], "interval": ends}.get(column.kind, [column.name])


def _plain(column: Column, cell: Cell) -> list[object]:
    if column.kind == "estimate":
        if not isinstance(cell, Estimate):
            return [math.nan] * 3
        return [cell.mean, *(cell.interval or (math.nan, math.nan))]
    if column.kind == "interval":
        return list(cell if isinstance(cell, Interval) else (math.nan, math.nan))
    if column.kind in ("number", "probability") and cell is None:
        return [math.nan]
    return [cell]
