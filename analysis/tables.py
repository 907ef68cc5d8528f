"""The cross-center table: Dice by center and availability subset, and its averages over centers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.significance import bootstrap_mean_of_groups

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("center", "seen", "subset", "removed", "n", "dice", "low", "high")


def cross_center_table(rows: pd.DataFrame, bootstrap: int, seed: int) -> pd.DataFrame:
    """One line per center and removed modalities: mean Dice of its test subjects, seen centers first.

    Columns: center, seen, subset (the modalities given; several, with ` | ` between, where subjects differ),
    removed, n (subjects with a defined Dice), dice, low and high (95 % bootstrap percentile interval of the
    mean, over subjects).

    Args:
        rows: of one trial, with the columns of `study.results.Row`; only those of split test are read.
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

    - `average of seen centers`: for each set of removed modalities, over the seen centers that have it.
    - `average of same centers`: with nothing and with some modalities removed, over the centers that have
      both lines, so that these two can be compared.
    - `average as in the paper`: with the modalities, over the centers that have them; without, over these and
      the centers that never had them (Vargas-Ibarra 2025, tables). Two sets of centers: not to be compared.

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
        owned = [len(set(subset.split("+")) & set(removed.split("+"))) for subset in everything["subset"]]
        all_of_them, none_of_them = np.equal(owned, len(removed.split("+"))), np.equal(owned, 0)
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


def to_text(table: pd.DataFrame) -> str:
    """A table as aligned text for the terminal."""
    header, *cells = _cells(table)
    widths = [max(len(line[column]) for line in [header, *cells]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in (header.index("n"), header.index("Dice")) else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def to_markdown(table: pd.DataFrame) -> str:
    """A table as Markdown."""
    header, *cells = _cells(table)
    rule = ["---:" if name in ("n", "Dice") else "---" for name in header]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *cells])


def _test_rows(rows: pd.DataFrame) -> pd.DataFrame:
    if rows["trial"].nunique() > 1:
        trials = ", ".join(map(str, sorted(rows["trial"].unique())))
        raise ValueError(f"rows must be those of one trial, got trials {trials}")
    test = rows[rows["split"] == "test"]
    seen = test["seen"].astype(bool)
    order = [len(removed.split("+")) if removed else 0 for removed in test["removed"]]
    return test.assign(seen=seen, unseen=~seen, order=order)


def _line(
    name: str, rows: pd.DataFrame, groups: Sequence[NDArray[np.float64]], bootstrap: int, seed: int
) -> tuple[object, ...]:
    """One line of a table: about which rows, and the mean of its groups of Dice."""
    interval = bootstrap_mean_of_groups(groups, bootstrap, seed)
    subset = " | ".join(sorted(rows["subset"].unique(), key=lambda names: (-names.count("+"), names)))
    seen, removed = bool(rows["seen"].all()), str(rows["removed"].iloc[0])
    return name, seen, subset, removed, interval.n, interval.mean, interval.low, interval.high


def _cells(table: pd.DataFrame) -> list[list[str]]:
    """The texts of a table, the header first."""
    lines = [["center", "seen", "given", "removed", "n", "Dice", "95 %"]]
    for line in table.to_dict("records"):
        defined = not math.isnan(line["dice"])
        dice = f"{line['dice']:.3f}" if defined else "-"
        interval = f"{line['low']:.3f} to {line['high']:.3f}" if defined else "-"
        seen = "yes" if line["seen"] else "no"
        given, removed = line["subset"], line["removed"] or "nothing"
        lines.append([line["center"], seen, given, removed, str(line["n"]), dice, interval])
    return lines
