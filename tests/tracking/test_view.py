"""The view that MLflow opens, as its pages read it."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

from studies import prepared_study, write_study

from study.config import Config, validate
from study.records import StudyFolder
from study.tracking.view import view_page, view_state


def state(config: Config, folder: StudyFolder) -> dict[str, Any]:
    kind, _, packed = view_state(config, folder, "abc").partition(";")
    assert kind == "deflate"
    read: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return read


def test_trials_stand_by_objective_with_what_was_searched_and_what_they_reach(
    config: Config, folder: StudyFolder
) -> None:
    shown = state(config, folder)
    assert shown["searchFilter"] == "tags.`mlflow.parentRunId` = 'abc'"
    assert (shown["orderByKey"], shown["orderByAsc"]) == ("metrics.`objective`", False)
    assert shown["selectedColumns"] == [
        "metrics.`objective`",
        "params.`modality_dropout.drop_probability`",
        "metrics.`dice.full`",
        "metrics.`dice.missing`",
        "metrics.`dice.unseen.ISLES`",
        "metrics.`dice.unseen.ISLES.without_B0`",
    ]
    assert shown["columnOrder"] == shown["selectedColumns"]
    assert set(shown["columnWidths"]) == set(shown["selectedColumns"])


def test_many_centers_and_parameters_fit_into_a_tag(tmp_path: Path) -> None:
    ranges = {"type": "float", "low": 0.1, "high": 0.4}
    names = ("drop_probability", "noise_std", "theta")
    config = validate(
        {
            "study": {"name": "wide", "root": str(tmp_path)},
            "cohort": {"modalities": [f"M{number}" for number in range(12)]},
            "modality_dropout": {"droppable": [f"M{number}" for number in range(11)]},
            "search_space": {"modality_dropout": dict.fromkeys(names, ranges)},
        }
    )
    folder = write_study(config, prepared_study())
    assert len(state(config, folder)["selectedColumns"]) == 3 + len(names) + 12
    assert len(view_state(config, folder, "f" * 32)) < 5000


def test_the_address_of_the_view_is_below_the_server_s() -> None:
    assert view_page("3", "k") == "#/experiments/3/runs?workflowType=machine_learning&viewStateShareKey=k"
