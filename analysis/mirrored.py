"""Which results are of predictions that were mirrored at test time, so that tables keep them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def mirrored_name(name: str, rows: pd.DataFrame) -> str:
    """A name or a title that says along which axes its predictions were mirrored; unchanged if they were not.

    Args:
        name: of a system, a trial or a table.
        rows: with the columns of `study.evaluation.rows.ResultRow`.
    """
    found = sorted(set(rows["mirrored"]) - {""})
    return f"{name} (mirrored {' or '.join(found)})" if found else name
