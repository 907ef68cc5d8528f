"""Means of rows: by center and availability subset, over centers, and by occlusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.significance import bootstrap_mean, bootstrap_mean_of_groups
from study.config import split_modalities

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("center", "seen", "subset", "removed", "n", "dice", "low", "high")
OCCLUSIONS = ("proximal", "distal", "all", "control")
METRICS = (
    "dice",
    "detected",
    "false_positives",
    "false_positive_voxels",
    "false_positive_ml",
    "false_negatives",
    "false_negative_voxels",
    "false_negative_ml",
    "reference_volume_ml",
    "predicted_volume_ml",
)


def cross_center_table(rows: pd.DataFrame, bootstrap: int, seed: int) -> pd.DataFrame:
    """One line per center and removed modalities: the mean Dice of its test subjects, seen centers first.

    Columns: center, seen, subset (the modalities given; several, separated by ` | `, where subjects differ), removed, n
    (subjects with a defined Dice), dice, low and high (95 % bootstrap percentile interval of the mean over subjects).

    Args:
        rows: of one trial, with the columns of `study.evaluation.rows.ResultRow`; only those of split test are read.
        bootstrap: number of resamples.
        seed: of the resamples.

    Raises:
        ValueError: rows of several trials.
    """
    import pandas as pd

    lines = [
        _line(str(center), group, [group["dice"].to_numpy()], bootstrap, seed)
        for (_, center, _, _), group in _test_rows(rows).groupby(["unseen", "center", "order", "removed"])
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def average_table(rows: pd.DataFrame, bootstrap: int, seed: int) -> pd.DataFrame:
    """Unweighted means over centers, as `cross_center_table` gives them; intervals resample within centers.

    - `average of seen centers`: for each set of removed modalities, over the seen centers that have such a line.
    - `average of same centers`: with nothing and with some modalities removed, over the centers that have both lines,
      so that these two can be compared.
    - `average as in the paper`: with the modalities, over the centers that have them; without, over these and the
      centers that never had them (Vargas-Ibarra 2025, tables). These are two sets of centers, which cannot be compared.

    Args:
        rows: as for `cross_center_table`.
        bootstrap: number of resamples.
        seed: of the resamples.

    Raises:
        ValueError: rows of several trials.
    """
    import pandas as pd

    test = _test_rows(rows)
    everything = test[test["removed"] == ""]
    taken = [removed for removed in sorted(test["removed"].unique()) if removed]
    seen = test[test["seen"]]
    parts = [("average of seen centers", seen[seen["removed"] == removed]) for removed in ["", *taken]]
    for removed in taken:
        without = test[test["removed"] == removed]
        both = everything["center"].isin(without["center"])
        parts += [("average of same centers", everything[both]), ("average of same centers", without)]
    for removed in taken:
        without = test[test["removed"] == removed]
        names = set(split_modalities(removed))
        present = [len(names & set(split_modalities(subset))) for subset in everything["subset"]]
        all_of_them, none_of_them = np.equal(present, len(names)), np.equal(present, 0)
        never = everything[none_of_them].assign(removed=removed)
        parts += [
            ("average as in the paper", everything[all_of_them]),
            ("average as in the paper", pd.concat([without, never])),
        ]
    lines = [
        _line(name, part, [group["dice"].to_numpy() for _, group in part.groupby("center")], bootstrap, seed)
        for name, part in parts
        if len(part)
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS)).drop_duplicates(ignore_index=True)


def occlusion_table(rows: pd.DataFrame, bootstrap: int, seed: int, by: str | None = None) -> pd.DataFrame:
    """One line per kind of center, removed modalities and occlusion: means over subjects with 95 % intervals.

    The metrics are those of the thrombus papers (Vargas-Ibarra, tables 5 to 7). The papers do not define their "±";
    intervals here are percentiles of the bootstrap over subjects.

    Columns: `by` where it is given, seen (whether the subjects' centers are), removed, occlusion, n (subjects), and for
    each of `METRICS` its mean and `…_low`, `…_high`. Sizes of false components are means over subjects of their mean
    size, zeros included. Occlusions are `proximal` and `distal` where they are known, `all` test subjects, and
    `control`: control scans, which are tested apart and have neither a Dice nor a detection.

    Args:
        rows: with the columns of `study.evaluation.rows.ResultRow`; those of splits test and control are read.
        bootstrap: number of resamples.
        seed: of the resamples.
        by: another column of the rows, such as a parameter of their trials, whose values are compared. A subject counts
            once for each value, with its mean over the trials that have this value.

    Raises:
        ValueError: rows of several trials without a column that tells them apart.
    """
    import pandas as pd

    own = [] if by is None else [by]
    lines = [
        [*key[:-3], not key[-3], key[-1], name, *_means(part, bootstrap, seed)]
        for key, group in _tested(rows, several_trials=by is not None).groupby(
            [*own, "unseen", "order", "removed"], dropna=False
        )
        for name, part in _by_occlusion(group).items()
        if len(part)
    ]
    numbers = [f"{metric}{end}" for metric in METRICS for end in ("", "_low", "_high")]
    return pd.DataFrame(lines, columns=[*own, "seen", "removed", "occlusion", "n", *numbers])


def tells_occlusions(rows: pd.DataFrame, target: str) -> bool:
    """Whether rows have a table by occlusion: those of thrombi, known or not, and those with control scans."""
    return bool(
        (rows["split"] == "control").any() or (target == "thrombus" and (rows["split"] == "test").any())
    )


def _tested(rows: pd.DataFrame, *, several_trials: bool = False) -> pd.DataFrame:
    """Rows of test subjects and control scans, with the columns unseen and order (number of modalities removed)."""
    if rows["trial"].nunique() > 1 and not several_trials:
        trials = ", ".join(map(str, sorted(rows["trial"].unique())))
        raise ValueError(f"rows must be those of one trial, got trials {trials}")
    tested = rows[rows["split"].isin(["test", "control"])]
    seen = tested["seen"].astype(bool)
    order = [len(split_modalities(removed)) for removed in tested["removed"]]
    return tested.assign(seen=seen, unseen=~seen, order=order)


def _test_rows(rows: pd.DataFrame) -> pd.DataFrame:
    tested = _tested(rows)
    return tested[tested["split"] == "test"]


def _by_occlusion(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    test, control = rows[rows["split"] == "test"], rows[rows["split"] == "control"]
    known = {name: test[test["occlusion"] == name] for name in ("proximal", "distal")}
    return {**known, "all": test, "control": control.assign(dice=np.nan, detected=np.nan)}


def _means(rows: pd.DataFrame, bootstrap: int, seed: int) -> list[float]:
    """The number of subjects, then the mean and interval of each metric."""
    subjects = rows.groupby("subject")[list(METRICS)].mean()
    numbers: list[float] = [len(subjects)]
    for metric in METRICS:
        numbers += bootstrap_mean(subjects[metric].to_numpy(dtype=float), bootstrap, seed)[:3]
    return numbers


def _line(
    name: str, rows: pd.DataFrame, groups: Sequence[NDArray[np.float64]], bootstrap: int, seed: int
) -> tuple[object, ...]:
    """One line of a table: the rows that it is about, and the mean of their groups of Dice."""
    interval = bootstrap_mean_of_groups(groups, bootstrap, seed)
    subset = " | ".join(sorted(rows["subset"].unique(), key=lambda names: (-names.count("+"), names)))
    seen, removed = bool(rows["seen"].all()), str(rows["removed"].iloc[0])
    return name, seen, subset, removed, interval.n, interval.mean, interval.low, interval.high
