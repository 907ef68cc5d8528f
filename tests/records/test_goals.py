"""Several goals: the front, the rule that names the winner, and what a study says of them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import result_row
from studies import complete, prepared_study, pruned, write_study, write_trial

from analysis.report.sections.goals import goals
from analysis.report.sections.hygiene import hygiene
from analysis.report.view import StudyView
from study.config import Objective, validate
from study.errors import ConfigError
from study.records import CompleteTrial, Ranking, StudyFolder
from study.records.following import StatusReader
from study.records.fronts import front_ranks
from study.records.goals import best_first, goals_of, pareto_front, rule_in_words
from study.records.results import Goals
from study.tracking.results import result_metrics
from study.workflow.forecast import forecast
from study.workflow.report import final_report, summarise
from study.workflow.status_lines import remarks


def test_ranks_are_those_of_counting_the_points_in_front() -> None:
    points = np.random.default_rng(0).integers(0, 6, (60, 3)).astype(float).tolist()

    def beats(one: list[float], other: list[float]) -> bool:
        return all(a >= b for a, b in zip(one, other, strict=True)) and one != other

    left, expected = list(range(60)), {}
    for rank in itertools.count():
        if not left:
            break
        front = [a for a in left if not any(beats(points[b], points[a]) for b in left)]
        expected |= dict.fromkeys(front, rank)
        left = [a for a in left if a not in front]
    assert front_ranks(points) == [expected[at] for at in range(60)]
    assert max(expected.values()) > 3


def judged(number: int, full: float, missing: float, predict_s: float = 1.0, **changes: Any) -> CompleteTrial:
    reached = Goals(full=full, missing=missing, worst_center=0.1, train_s=9.0, predict_s=predict_s)
    return complete(number, (full + missing) / 2, goals=reached, **changes)


TRIALS = [
    judged(0, 0.80, 0.50, 2.0),  # best in full
    judged(1, 0.79, 0.55, 3.0),
    judged(2, 0.70, 0.66, 1.0),  # best mean, and best in missing
    judged(3, 0.78, 0.52, 0.5),  # beaten in both by trial 1
    judged(4, math.nan, 0.9, 0.1),
]


def objective(**settings: Any) -> Objective:
    return Objective.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "front", "order"),
    [
        ({"front": ["full", "missing"]}, [0, 1, 2], [2, 1, 0, 3]),
        ({"front": ["full", "missing"], "winner": "missing"}, [0, 1, 2], [1, 3, 0, 2]),
        ({"front": ["full", "missing"], "winner": "missing", "within": 0.2}, [0, 1, 2], [2, 1, 3, 0]),
        ({"front": ["full", "predict_s"], "winner": "predict_s", "within": 0.03}, [0, 3], [3, 0, 1, 2]),
        ({"front": ["missing", "predict_s", "full"]}, [2, 1, 3, 0], [2, 1, 0, 3]),
    ],
)
def test_the_front_and_the_winner_are_those_of_the_rule(
    settings: dict[str, Any], front: list[int], order: list[int]
) -> None:
    chosen = objective(**settings)
    assert [trial.trial for trial in pareto_front(TRIALS, chosen)] == front
    assert [trial.trial for trial in best_first(TRIALS, chosen)] == order


def test_one_objective_is_a_front_of_one_number() -> None:
    assert goals_of(TRIALS[0], objective()) == (0.65,)
    assert [trial.trial for trial in best_first(TRIALS, objective())] == [2, 1, 0, 3]


def test_the_rule_is_told() -> None:
    chosen = objective(front=["full", "missing", "predict_s"], winner="missing")
    assert rule_in_words(chosen) == (
        "the trial with the most Dice with modalities removed among those within 0.02 of the best in Dice with all "
        "modalities"
    )
    assert rule_in_words(objective()) == "the trial with the highest weighted mean of Dice"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"front": ["full"]}, "front must name two goals or more, each once, got full"),
        ({"front": ["full", "full"]}, "front must name two goals or more"),
        ({"winner": "missing"}, "winner=missing is chosen from a front that has it, and front has no goal"),
        ({"front": ["full", "speed"]}, "objective.front"),
    ],
)
def test_a_front_that_cannot_be_meant_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        validate({"study": {"name": "s"}, "objective": settings})


def study(root: Path, **settings: Any) -> StudyFolder:
    config = validate({"study": {"name": "s", "root": str(root), "trials": 5}, "objective": settings})
    folder = write_study(config, prepared_study())
    for trial in [*TRIALS[:4], pruned(4)]:
        write_trial(
            folder, trial, searched={"trainer.learning_rate": 0.1}, rows=[result_row(trial=trial.trial)]
        )
    return folder


def test_report_status_and_tracking_tell_the_front(tmp_path: Path) -> None:
    folder = study(tmp_path, front=["full", "missing"], winner="missing")
    config = folder.config.read()
    folder.summary.write(summarise(config, folder))
    assert folder.summary.read().winner == 1
    said = final_report(config, folder)
    assert "Winner: trial 1" in said
    assert "  trial 0: Dice with all modalities 0.8, Dice with modalities removed 0.5" in said
    section = goals(StudyView(folder))
    assert section is not None
    assert [row[:3] for row in section.tables[0].rows] == [(0, 0.80, 0.50), (1, 0.79, 0.55), (2, 0.70, 0.66)]
    assert section.drawings[0].draw() is not None
    assert ("the winner", rule_in_words(config.objective)) in [
        row[:2] for row in hygiene(StudyView(folder)).tables[0].rows
    ]
    status = StatusReader(folder).read()
    assert status.best is not None
    assert (status.best.trial, status.best.front) == (1, (0, 1, 2))
    assert list(remarks(status))[:2] == [
        "best so far: trial 1, objective 0.670",
        "Pareto front: trials 0, 1, 2",
    ]
    metrics = result_metrics(TRIALS[0], config.objective)
    assert metrics == {
        "objective": 0.65, "seconds": 12.5, "epochs": 4, "goals/full": 0.80, "goals/missing": 0.50
    }  # fmt: skip
    assert set(result_metrics(pruned(4), config.objective)) == {"objective", "seconds", "epochs"}


def test_one_objective_has_no_front_to_tell(tmp_path: Path) -> None:
    folder = study(tmp_path)
    assert Ranking(folder).front == []
    assert goals(StudyView(folder)) is None
    assert "goals/full" not in result_metrics(TRIALS[0], objective())


def test_no_winner_is_named_where_none_is_nearly_as_good_in_all_other_goals(tmp_path: Path) -> None:
    folder = study(tmp_path, front=["full", "missing", "predict_s"], winner="predict_s", within=0.01)
    assert Ranking(folder).no_winner == (
        "no trial is within 0.01 of the best in full and missing; objective.within is too small for objective.winner"
    )


def test_dry_run_tells_the_front_and_what_stops_trials() -> None:
    said = forecast(validate({"study": {"name": "s"}, "objective": {"front": ["full", "predict_s"]}}))
    assert (
        "the search is for the Pareto front of full, predict_s; the trial with the highest weighted mean"
        in said
    )
    assert "early stopping and post-processing go by the weighted mean of Dice" in said
