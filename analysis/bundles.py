"""Bundles beside reference masks: scan by scan, and their means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.method import Method
from analysis.metric_columns import metric_columns, metric_estimate
from analysis.tables import Cell, Column, Table
from study.evaluation.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

MEANS = ("dice", "detected", "hd95_mm", "false_positives", "false_positive_ml", "predicted_volume_ml")
CENTERS = ("all", "all centers")  # as the column `center` and as a reader sees it


def bundle_tables(rows: pd.DataFrame, method: Method) -> list[Table]:
    """The Dice and the volume of each scan with each bundle, and the means of each bundle by center.

    Args:
        rows: as `study.workflow.validating.validate_bundles` returns them.
        method: how means are taken.
    """
    return [_scans(rows), _means(rows, method)]


def _scans(rows: pd.DataFrame) -> Table:
    names = list(rows["bundle"].unique())
    columns = [Column("center", "center"), Column("subject", "scan")]
    columns.append(Column("reference_volume_ml", "reference, mL", "number", 1))
    for name in names:
        columns.append(Column(f"{name} dice", f"{name}: Dice", "number", METRICS["dice"].decimals))
        columns.append(Column(f"{name} volume_ml", f"{name}: mL", "number", 1))
    lines: list[tuple[Cell, ...]] = []
    for (center, subject), own in rows.groupby(["center", "subject"], sort=False):
        found = own.set_index("bundle")[["dice", "predicted_volume_ml"]].astype(float)
        line: list[Cell] = [str(center), str(subject), float(own["reference_volume_ml"].iloc[0])]
        for name in names:
            line += found.loc[name].tolist()
        lines.append(tuple(line))
    given = "; ".join(
        f"{name} was given {' or '.join(dict.fromkeys(own['given']))}"
        for name, own in rows.groupby("bundle", sort=False)
    )
    title = "Masks of bundles beside reference masks, scan by scan"
    return Table("scans", title, tuple(columns), tuple(lines), (f"{given}.",))


def _means(rows: pd.DataFrame, method: Method) -> Table:
    centers = list(dict.fromkeys(rows["center"]))
    groups = [*([CENTERS] if len(centers) > 1 else []), *((one, one) for one in centers)]
    lines: list[tuple[Cell, ...]] = []
    for name, own in rows.groupby("bundle", sort=False):
        for center, title in groups:
            part = own if (center, title) == CENTERS else own[own["center"] == center]
            names = part["center"].to_numpy(dtype=object)
            found = [
                metric_estimate(metric, part[metric].to_numpy(dtype=float), names, method) for metric in MEANS
            ]
            lines.append((str(name), title, len(part), *found))
    columns = (
        Column("bundle", "bundle"),
        Column("center", "center"),
        Column("n", "n", "count"),
        *metric_columns(MEANS, method),
    )
    notes = method.notes_of(*(METRICS[metric] for metric in MEANS))
    return Table(
        "bundles", f"Bundles on scans with reference masks: {method.name}", columns, tuple(lines), notes
    )
