"""What tables say below them where images were computed and not given (`imputation.kind`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.tables import Table
from study.config import split_modalities
from study.imaging.impute import sources_of

if TYPE_CHECKING:
    import pandas as pd


def computed_notes(rows: pd.DataFrame, label: str = "") -> tuple[str, ...]:
    """A sentence for each modality whose image was computed for test subjects; none where none was.

    Args:
        rows: with the columns of `study.evaluation.rows.ResultRow`.
        label: of the system that did.
    """
    made = rows.loc[rows["split"] == "test", ["subject", "removed", "computed"]]
    notes = []
    for name in sorted({name for text in set(made["computed"]) for name in split_modalities(text)}):
        where = made[[name in split_modalities(text) for text in made["computed"]]]
        taken = [name in split_modalities(text) for text in where["removed"]]
        removed, lacking = (
            where[taken]["subject"].nunique(),
            where[[not one for one in taken]]["subject"].nunique(),
        )
        parts = [
            *([f"of {removed} from whom it was removed"] if removed else []),
            *([f"of {lacking} who lack it"] if lacking else []),
        ]
        system = f"{label}: " if label else ""
        notes.append(
            f"{system}{name} was not given but computed from {' and '.join(sources_of(name))} (Stejskal-Tanner) for "
            f"test subjects: {' and '.join(parts)}."
        )
    return tuple(notes)


def with_notes(tables: Sequence[Table], notes: tuple[str, ...]) -> list[Table]:
    """The tables with more notes below them."""
    return [replace(table, notes=(*table.notes, *notes)) for table in tables]
