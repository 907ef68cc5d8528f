"""Results by occlusion, with the metrics of the thrombus papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.cases import check_one_trial
from analysis.cross_center import REMOVED
from analysis.method import Method
from analysis.metric_columns import metric_columns, metric_estimate
from analysis.tables import TESTED, Across, Cell, Column, Table
from study.config import split_modalities
from study.evaluation.metrics import METRICS as CATALOGUE

if TYPE_CHECKING:
    import pandas as pd

OCCLUSIONS = ("proximal", "distal", "all", "control")
METRICS = (
    *("dice", "detected", "false_positives", "false_positive_voxels", "false_positive_ml"),
    *("false_negatives", "false_negative_voxels", "false_negative_ml"),
    *("reference_volume_ml", "predicted_volume_ml"),
)
NOTE = (
    "False positives are predicted components (26 neighbours) without a voxel in the reference, false negatives "
    "components of the reference without a predicted voxel; sizes are means within a subject, 0 where it has none. One "
    "voxel in common is a detection; a rate of which every subject counts 0 or 1 has Wilson's interval. Control scans, "
    'on which there is nothing to find, are not part of "all".'
)


def occlusion_table(rows: pd.DataFrame, method: Method, by: str | None = None) -> Table:
    """One row per kind of center, removed modalities and occlusion: means with 95 % intervals.

    The metrics are those of the thrombus papers (Vargas-Ibarra, tables 5 to 7). The papers do not define their "±".

    Columns: `by` where it is given, seen (whether the subjects' centers are), removed, occlusion, n (subjects), and
    each of `METRICS`. Sizes of false components are means over subjects of their mean size, zeros included. Occlusions
    are `proximal` and `distal` where they are known, `all` test subjects, and `control`: control scans, which are
    tested apart and have neither a Dice nor a detection.

    Args:
        rows: with the columns of `study.evaluation.rows.ResultRow`; those of splits test and control are read.
        method: how means are taken.
        by: another column of the rows, such as a parameter of their trials, whose values are compared. A subject counts
            once for each value, with its mean over the trials that have this value.

    Raises:
        ValueError: rows of several trials without a column that tells them apart.
    """
    own = [] if by is None else [by]
    if by is None:
        check_one_trial(rows)
    groups = _tested(rows).groupby([*own, "unseen", "order", "removed"], dropna=False)
    lines = [
        (*(str(name) for name in key[:-3]), not key[-3], str(key[-1]), name, *_means(part, method))
        for key, group in groups
        for name, part in _by_occlusion(group).items()
        if len(part)
    ]
    return Table(
        "occlusions",
        f"By occlusion, on test subjects: {method.name}",
        (
            *(Column(name, name) for name in own),
            Column("seen", "seen", "flag"),
            REMOVED,
            Column("occlusion", "occlusion"),
            Column("n", "subjects", "count"),
            *metric_columns(METRICS, method),
        ),
        tuple(lines),
        (*method.notes_of(*(CATALOGUE[name] for name in METRICS)), NOTE, TESTED),
        across=Across("occlusion", OCCLUSIONS),
    )


def tells_occlusions(rows: pd.DataFrame, target: str) -> bool:
    """Whether rows have a table by occlusion: those of thrombi, known or not, and those with control scans."""
    return bool(
        (rows["split"] == "control").any() or (target == "thrombus" and (rows["split"] == "test").any())
    )


def _tested(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of test subjects and control scans, with the columns unseen and order (number of modalities removed)."""
    tested = rows[rows["split"].isin(["test", "control"])]
    orders = {removed: len(split_modalities(removed)) for removed in tested["removed"].unique()}
    return tested.assign(unseen=~tested["seen"].astype(bool), order=tested["removed"].map(orders))


def _by_occlusion(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    test, control = rows[rows["split"] == "test"], rows[rows["split"] == "control"]
    known = {name: test[test["occlusion"] == name] for name in ("proximal", "distal")}
    return {**known, "all": test, "control": control.assign(dice=np.nan, detected=np.nan)}


def _means(rows: pd.DataFrame, method: Method) -> list[Cell]:
    """The number of subjects, then the estimate of each metric."""
    subjects = rows.groupby("subject").agg({"center": "first", **dict.fromkeys(METRICS, "mean")})
    centers = subjects["center"].to_numpy(dtype=object)
    found = [metric_estimate(name, subjects[name].to_numpy(dtype=float), centers, method) for name in METRICS]
    return [len(subjects), *found]
