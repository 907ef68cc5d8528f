"""Test results as MLflow shows them: metrics, the study's tables, and what not to do with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from study.config import Config, Objective
from study.evaluation.metrics import METRICS, SUMMARIES
from study.records import CompleteTrial, FailedTrial, Ranking, StudyFolder, TrialFolder, TrialResult
from study.records.goals import goals_of, rule_in_words

if TYPE_CHECKING:
    from analysis.tables import Table

CHOICE = (
    "Metrics `dice.…` and `metrics/…` are those of test subjects. Do not sort or choose trials by them: that is "
    "selection on test data and flatters the best of many. Compare trials by `objective`."
)
BY_OCCLUSION = ("dice", "detected", "false_positives", "false_negatives")  # logged as metrics
OBJECTIVE = "objective"
FULL, MISSING = "dice.full", "dice.missing"
Lines = Sequence[Mapping[Any, Any]]


def metrics_of(tables: Sequence[Table]) -> dict[str, float]:
    """The means of a trial's tables, by the metric's name.

    `dice.full` is the mean over the test subjects of seen centers with all modalities that they have, and
    `dice.missing` the mean over the sets of removed modalities of theirs. The others name what they are of:
    `dice.unseen.North.without_B0`.
    """
    return {
        name: value
        for table in tables
        if table.name in METRICS_OF
        for name, value in METRICS_OF[table.name](table.frame().to_dict("records")).items()
    }


def dice_metric(center: str, removed: str = "", *, seen: bool) -> str:
    """The name of the metric of a center's mean Dice, without modalities that are removed."""
    return ".".join(["dice", "seen" if seen else "unseen", center, *_without(removed)])


def metric_name(text: str) -> str:
    """The text with what MLflow refuses in a metric's name replaced."""
    return re.sub(r"[^\w\-. :/]", "_", text)


def gains_of(config: Config, folder: StudyFolder) -> list[Table]:
    """What the winner gains over its rival, the ensemble over the winner, the winner over the rule."""
    from analysis.ensemble import ensemble_tables
    from analysis.gains import gain_table
    from analysis.method import Method
    from analysis.rule import rule_tables

    method, ranking = Method.of(config.evaluation, config.study.seed), Ranking(folder)
    table = gain_table(ranking, method)
    gains = [] if table is None else [table]
    return [*gains, *ensemble_tables(folder, method), *rule_tables(ranking, method)]


def _averages(lines: Lines) -> dict[str, float]:
    seen = {line["removed"]: line["dice"] for line in lines if line["centers"] == "seen centers"}
    missing = [dice for removed, dice in seen.items() if removed]
    averages = {FULL: seen[""]} if "" in seen else {}
    return {**averages, **({MISSING: sum(missing) / len(missing)} if missing else {})}


def _centers(lines: Lines) -> dict[str, float]:
    return {dice_metric(line["center"], line["removed"], seen=line["seen"]): line["dice"] for line in lines}


def _occlusions(lines: Lines) -> dict[str, float]:
    """What each line of the table by occlusion is compared by; sizes and volumes are in the table itself."""
    return {
        ".".join([f"occlusions/{metric}", "seen" if line["seen"] else "unseen", *_which(line)]): line[metric]
        for line in lines
        for metric in BY_OCCLUSION
    }


def _all_metrics(lines: Lines) -> dict[str, float]:
    """Every metric with all that subjects have; with modalities removed, they are in the table itself."""
    named = [*METRICS, *SUMMARIES]
    return {
        f"metrics/{metric}.{'seen' if line['centers'] == 'seen centers' else 'unseen'}": line[metric]
        for line in lines
        if not line["removed"]
        for metric in named
    }


METRICS_OF = {
    "averages": _averages,
    "cross_center": _centers,
    "occlusions": _occlusions,
    "metrics": _all_metrics,
}  # by the table's name


def _which(line: Mapping[Any, Any]) -> Iterable[str]:
    return line["occlusion"], *_without(line["removed"])


def _without(removed: str) -> list[str]:
    return [f"without_{removed.replace('+', '_')}"] if removed else []


def result_metrics(result: TrialResult, objective: Objective) -> dict[str, float | None]:
    """How a trial ended: its objective, how long it was, and what a complete one reaches in the goals of a front."""
    value = None if isinstance(result, FailedTrial) else result.value
    goals = goals_of(result, objective) if isinstance(result, CompleteTrial) and objective.front else ()
    reached = dict(zip(goal_columns(objective), goals, strict=True)) if goals else {}
    return {OBJECTIVE: value, "seconds": result.seconds, "epochs": result.epochs, **reached}


def goal_columns(objective: Objective) -> list[str]:
    """The metrics of a front's goals."""
    return [f"goals/{goal}" for goal in objective.front]


def study_note(
    winner: int, tables: Sequence[Table], objective: Objective, front: Sequence[TrialFolder]
) -> str:
    """What MLflow shows of a study: the winner, what not to choose by, the tables."""
    chosen = f"Winner: trial {winner}, by its objective on validation subjects (`objective`)."
    if front:
        named = ", ".join(str(trial.number) for trial in front)
        chosen = (
            f"Winner: trial {winner}, {rule_in_words(objective)}. Pareto front (`goals/…`): trials {named}."
        )
    return "\n\n".join([chosen, trial_note(tables)])


def trial_note(tables: Sequence[Table]) -> str:
    """What MLflow shows of a trial: what not to choose by, and its tables, with intervals.

    The table of all metrics is long, and an artifact like the others.
    """
    from analysis.rendering import to_markdown, without_repeats

    shown = [table for table in tables if table.name != "metrics"]
    return "\n\n".join([CHOICE, *map(to_markdown, without_repeats(shown))])
