"""The tables of `analysis.tables` as text for the terminal and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.tables import METRICS, OCCLUSIONS

if TYPE_CHECKING:
    import pandas as pd

RIGHT = frozenset({"n", "Dice"})  # columns of numbers, aligned to the right
LABELS = {  # label and decimals of each metric in a table by occlusion
    "dice": ("Dice", 3),
    "detected": ("detection rate", 2),
    "false_positives": ("false positives", 2),
    "false_positive_voxels": ("false positive size, voxels", 1),
    "false_positive_ml": ("false positive size, mL", 3),
    "false_negatives": ("false negatives", 2),
    "false_negative_voxels": ("false negative size, voxels", 1),
    "false_negative_ml": ("false negative size, mL", 3),
    "reference_volume_ml": ("reference volume, mL", 3),
    "predicted_volume_ml": ("predicted volume, mL", 3),
}
OCCLUSION_NOTE = """\
By occlusion: means over test subjects, with 95 % bootstrap intervals over subjects.
False positives are predicted components (26 neighbours) without a voxel in the reference, false negatives components
of the reference without a predicted voxel; sizes are means within a subject, 0 where it has none. One voxel in common
is a detection. Control scans, on which there is nothing to find, are not part of "all"."""


def to_text(table: pd.DataFrame) -> str:
    """A table as aligned text for the terminal."""
    header, *cells = _cells(table)
    widths = [max(len(line[column]) for line in [header, *cells]) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            text.rjust(width) if name in RIGHT else text.ljust(width)
            for name, text, width in zip(header, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def to_markdown(table: pd.DataFrame) -> str:
    """A table as Markdown."""
    header, *cells = _cells(table)
    rule = ["---:" if name in RIGHT else "---" for name in header]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *cells])


def _cells(table: pd.DataFrame) -> list[list[str]]:
    """The cells of a table as text, the header first."""
    return _occlusion_cells(table) if "occlusion" in table.columns else _cross_center_cells(table)


def _cross_center_cells(table: pd.DataFrame) -> list[list[str]]:
    lines = [["center", "seen", "given", "removed", "n", "Dice", "95 %"]]
    for line in table.to_dict("records"):
        defined = not math.isnan(line["dice"])
        dice = f"{line['dice']:.3f}" if defined else "-"
        interval = f"{line['low']:.3f} to {line['high']:.3f}" if defined else "-"
        seen = "yes" if line["seen"] else "no"
        given, removed = line["subset"], line["removed"] or "nothing"
        lines.append([line["center"], seen, given, removed, str(line["n"]), dice, interval])
    return lines


def _occlusion_cells(table: pd.DataFrame) -> list[list[str]]:
    """A line per metric and group, and a column per occlusion, so that compared values stand side by side."""
    groups = [str(name) for name in table.columns[: table.columns.get_loc("occlusion")]]
    columns = [name for name in OCCLUSIONS if name in set(table["occlusion"])]
    found: dict[tuple[str, ...], dict[str, Mapping[Any, Any]]] = {}
    for line in table.to_dict("records"):
        own = [str(line[name]) for name in groups[:-2]]
        group = (*own, "yes" if line["seen"] else "no", line["removed"] or "nothing")
        found.setdefault(group, {})[line["occlusion"]] = line
    lines = [["", *groups, *columns]]
    for group, parts in found.items():
        counts = [str(parts[name]["n"]) if name in parts else "0" for name in columns]
        lines.append(["subjects", *group, *counts])
    for metric in METRICS:
        for group, parts in found.items():
            shown = [_with_interval(parts[name], metric) if name in parts else "-" for name in columns]
            lines.append([LABELS[metric][0], *group, *shown])
    return lines


def _with_interval(line: Mapping[Any, Any], metric: str) -> str:
    if math.isnan(line[metric]):
        return "-"
    decimals = LABELS[metric][1]
    mean, low, high = (f"{line[metric + end]:.{decimals}f}" for end in ("", "_low", "_high"))
    return f"{mean} ({low} to {high})"
