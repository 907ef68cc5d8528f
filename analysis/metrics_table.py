"""Every metric of one trial side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.cases import SEEN, check_one_trial
from analysis.correlation import correlation
from analysis.cross_center import CENTERS, REMOVED
from analysis.estimates import Estimate, center_indices
from analysis.method import Method
from analysis.metric_columns import metric_columns, metric_estimate
from analysis.tables import TESTED, Across, Cell, Column, Table
from study.config import split_modalities
from study.evaluation.averages import averaged
from study.evaluation.metrics import METRICS, SUMMARIES
from study.evaluation.rows import columns

if TYPE_CHECKING:
    import pandas as pd

NOTES = (
    "Distances are between surface voxels. Components have 26 neighbours, those of LTPR and LFPR 18. The calibration "
    "error is that of the probabilities before post-processing, divided by the voxels of the brain.",
    "The correlation of volumes is over all subjects of a column (Fisher's interval), whatever else is averaged over. "
    "ISBI scores are made of means over subjects whose reference is not empty: the first with their correlation of "
    "volumes, the second with their mean voxel correlation.",
)
PARTS = ("dice", "ppv", "lfpr", "ltpr")  # of the ISBI score


def metrics_table(rows: pd.DataFrame, method: Method) -> Table:
    """Every metric, with all that subjects have and without each single modality: means with 95 % intervals.

    Columns: removed, centers (seen or unseen), n (subjects), each metric of the catalogue, those of installed packages
    that the rows have, then what only several subjects have (`SUMMARIES`).

    Args:
        rows: of one trial, with the columns of `study.evaluation.rows.ResultRow`; only those of split test are read.
        method: how means are taken.

    Raises:
        ValueError: rows of several trials.
    """
    check_one_trial(rows)
    extra = [name for name in rows.columns if name not in set(columns())]
    tested = rows[rows["split"] == "test"]
    few = [removed for removed in tested["removed"].unique() if len(split_modalities(removed)) < 2]
    names = [*METRICS, *extra]
    lines = []
    for removed in sorted(few):
        for seen, centers in SEEN.items():
            part = tested[(tested["removed"] == removed) & (tested["seen"].astype(bool) == seen)]
            if len(part):
                lines.append((str(removed), centers, len(part), *_cells(part, names, method)))
    return Table(
        "metrics",
        f"All metrics on test subjects: {method.name}",
        (
            REMOVED,
            CENTERS,
            Column("n", "subjects", "count"),
            *metric_columns(METRICS, method),
            *(Column(name, name, "estimate") for name in extra),
            *(_summary_column(name) for name in SUMMARIES),
        ),
        tuple(lines),
        (*method.notes_of(*METRICS.values()), *NOTES, *_about_extra(extra), TESTED),
        across=Across(CENTERS.name, tuple(SEEN.values())),
    )


def _cells(rows: pd.DataFrame, names: Sequence[str], method: Method) -> list[Cell]:
    centers = rows["center"].to_numpy(dtype=object)
    found = [metric_estimate(name, rows[name].to_numpy(dtype=float), centers, method) for name in names]
    return [*found, *_summaries(rows, method)]


def _summaries(rows: pd.DataFrame, method: Method) -> list[Cell]:
    """The cells of `SUMMARIES`, of some subjects."""
    there = rows[rows["reference_volume_ml"] > 0]
    indices = center_indices(there["center"].to_numpy(dtype=object))

    def mean(name: str) -> float:
        return float(averaged(there[name].to_numpy(dtype=float), indices, method.average))

    dice, ppv, lfpr, ltpr = map(mean, PARTS)
    scores: list[Cell] = [
        (dice + ppv) / 8 + (1 - lfpr + ltpr + found) / 4
        for found in (_volumes(there).mean, mean("voxel_correlation"))
    ]
    return [_volumes(rows), *scores]


def _volumes(rows: pd.DataFrame) -> Estimate:
    reference, predicted = (
        rows[f"{which}_volume_ml"].to_numpy(dtype=float) for which in ("reference", "predicted")
    )
    return correlation(reference, predicted)


def _summary_column(name: str) -> Column:
    facts = SUMMARIES[name]
    if name == "volume_correlation":
        return Column(name, facts.title, "estimate", facts.decimals)
    return Column(name, facts.title, "number", facts.decimals)


def _about_extra(extra: Sequence[str]) -> list[str]:
    if not extra:
        return []
    return [f"Metrics of installed packages: {', '.join(extra)}; subjects without a value are left out."]
