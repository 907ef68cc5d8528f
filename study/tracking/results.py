"""Test results as MLflow shows them: metrics, the study's tables, and what not to do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from study.config import Config
from study.records import Ranking, StudyFolder

if TYPE_CHECKING:
    from analysis.tables import Table

CHOICE = (
    "Metrics `test_…` are those of test subjects. Do not sort or choose trials by them: that is selection on test data "
    "and flatters the best of many. Compare trials by `value`."
)
BY_OCCLUSION = ("dice", "detected", "false_positives", "false_negatives")  # logged as metrics


def metrics_of(tables: Sequence[Table]) -> dict[str, float]:
    """The means of a trial's tables, by the metric's name."""
    return {
        name: value
        for table in tables
        if table.name in METRICS_OF
        for line in table.frame().to_dict("records")
        for name, value in METRICS_OF[table.name](line).items()
    }


def gains_of(config: Config, folder: StudyFolder) -> list[Table]:
    """The table of what the winner gains over its rival; none where nobody is its rival."""
    from analysis.gains import gain_table
    from analysis.method import Method

    table = gain_table(Ranking(folder), Method.of(config.evaluation, config.study.seed))
    return [] if table is None else [table]


def _center_values(line: Mapping[Any, Any]) -> dict[str, float]:
    return {f"test_dice/{line['center']}/{_given(line)}": line["dice"]}


def _occlusion_values(line: Mapping[Any, Any]) -> dict[str, float]:
    """What one line of the table by occlusion is compared by; sizes and volumes are in the table itself."""
    centers = "seen" if line["seen"] else "unseen"
    where = f"{centers}_centers/{line['occlusion']}/{_given(line)}"
    return {f"test_{metric}/{where}": line[metric] for metric in BY_OCCLUSION}


METRICS_OF = {"cross_center": _center_values, "occlusions": _occlusion_values}  # by the table's name


def _given(cell: Mapping[Any, Any]) -> str:
    return f"without_{cell['removed'].replace('+', '_')}" if cell["removed"] else "all"


def study_note(winner: int, tables: Sequence[Table]) -> str:
    """What MLflow shows of a study: the winner, what not to choose by, the tables."""
    from analysis.rendering import to_markdown, without_repeats

    chosen = f"Winner: trial {winner}, by its objective on validation subjects (`value`)."
    return "\n\n".join([chosen, CHOICE, *map(to_markdown, without_repeats(tables))])
