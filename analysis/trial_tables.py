"""All tables of one trial."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.computed import computed_notes, with_notes
from analysis.cross_center import average_table, cross_center_table, removal_table
from analysis.metrics_table import metrics_table
from analysis.mirrored import mirrored_name
from analysis.occlusions import occlusion_table, tells_occlusions

if TYPE_CHECKING:
    import pandas as pd

    from analysis.method import Method
    from analysis.tables import Table


def trial_tables(rows: pd.DataFrame, method: Method, target: str, *, brief: bool = False) -> list[Table]:
    """By center, averaged, what a removed modality costs, by occlusion, all metrics; those that have a row.

    Args:
        rows: of one trial, with the columns of `study.evaluation.rows.ResultRow`.
        method: how means are taken.
        target: `cohort.target`.
        brief: without the table of all metrics.

    Raises:
        ValueError: rows of several trials.
    """
    tables = [make(rows, method) for make in (cross_center_table, average_table, removal_table)]
    if tells_occlusions(rows, target):
        tables.append(occlusion_table(rows, method))
    if not brief:
        tables.append(metrics_table(rows, method))
    named = [replace(table, title=mirrored_name(table.title, rows)) for table in tables if table.rows]
    return with_notes(named, computed_notes(rows))
