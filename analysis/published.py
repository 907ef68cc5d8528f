"""A paper's table in its own layout, with our numbers above the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from analysis.estimates import Estimate, estimate
from analysis.tables import TESTED, Across, Cell, Column, Table
from study.config import split_modalities
from study.evaluation.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

    from analysis.method import Method
    from study.commandline.series import Published
    from study.records import Ranking, TrialFolder

SYSTEM, GIVEN, COLUMN = Column("system", "system"), Column("given", "given"), Column("of", "of")
THEIRS = (
    "The published numbers were measured on other subjects, with other trainings. They give the table its layout, and "
    "are no target."
)


def published_table(published: Published, rankings: Mapping[str, Ranking], method: Method) -> Table:
    """Our means and the published ones, cell by cell; None where a study has no such trial, or no such subject.

    Each system is represented by its best trial by the objective, for each combination of values.

    Args:
        published: the paper's table.
        rankings: of the studies of a series, by their names within it.
        method: how means are taken.
    """
    metric = METRICS[published.metric]
    best = {name: _by_values(ranking, published.by) for name, ranking in rankings.items()}
    lines: list[tuple[Cell, ...]] = []
    for row in published.rows:
        trial = best.get(row.study, {}).get(tuple(map(str, row.values)))
        rows = None if trial is None else _given(trial.rows.read(), row.given)
        name = ", ".join([row.study, *map(str, row.values)])
        for label, where in published.columns.items():
            found = None if rows is None else _mean(rows, where, published.metric, method)
            number = row.numbers.get(label)
            lines.append((name, row.given, label, 0 if found is None else found.n, found, number))
    ours = Column("ours", f"{metric.title}, ours", "estimate", metric.decimals)
    theirs = Column("published", f"{metric.title}, published", "number", metric.decimals)
    by = f"; each system by {' and '.join(published.by)}" if published.by else ""
    return Table(
        "published",
        f"{published.source}: {metric.title} on test subjects{by}",
        (SYSTEM, GIVEN, COLUMN, Column("n", "n, ours", "count"), ours, theirs),
        tuple(lines),
        (*method.notes, THEIRS, TESTED),
        across=Across(COLUMN.name, tuple(published.columns)),
    )


def _by_values(ranking: Ranking, paths: tuple[str, ...]) -> dict[tuple[str, ...], TrialFolder]:
    """The best trial for each combination of values, as text; settings that the study does not search are left out."""
    searched = [path for path in paths if path in ranking.searched_settings()]
    return {tuple(map(str, values)): trial for values, trial in ranking.best(searched).items()}


def _given(rows: pd.DataFrame, given: str) -> pd.DataFrame:
    """The test subjects of a trial that were given these modalities."""
    wanted = set(split_modalities(given))
    there = rows["subset"].map(lambda subset: set(split_modalities(subset)) == wanted)
    return rows[(rows["split"] == "test") & there]


def _mean(rows: pd.DataFrame, where: Mapping[Any, str], metric: str, method: Method) -> Estimate | None:
    for column, value in where.items():
        rows = rows[rows[column] == value]
    if rows.empty:
        return None
    centers = rows["center"].to_numpy(dtype=object)
    return estimate(
        rows[metric].to_numpy(dtype=float), centers, method.average, bounds=METRICS[metric].bounds
    )
