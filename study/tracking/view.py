"""The view of a study that MLflow opens: its trials by objective, with what was searched and what they reach."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from search_spaces import SearchSpace
from study.config import Config
from study.records import StudyFolder
from study.tracking.results import FULL, MISSING, OBJECTIVE, dice_metric, goal_columns, metric_name

VIEW = "mlflow.sharedViewState."  # tag of an experiment, before the key of a view; "Share" in MLflow's pages writes it
MOST_COLUMNS = 60
LETTER_PX, MARGIN_PX = 7, 40


def view_state(config: Config, folder: StudyFolder, run: str) -> str:
    """The view as MLflow stores it in a tag of the experiment, compressed: tags have at most 5,000 characters.

    Args:
        config: of the study.
        folder: of the study; its prepared splits name the unseen centers.
        run: of the study, the parent of the trials.
    """
    objective = _column("metrics", OBJECTIVE)
    columns = [
        objective,
        *(_column("metrics", name) for name in goal_columns(config.objective)),
        *(_column("params", path) for path in _searched(config)),
        *(_column("metrics", name) for name in _dice(config, folder)),
    ][:MOST_COLUMNS]
    state: dict[str, Any] = {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{run}'",
        "orderByKey": objective,
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": {column: _width_px(column) for column in columns},
    }
    packed = zlib.compress(json.dumps(state).encode(), 9)
    return f"deflate;{base64.b64encode(packed).decode()}"


def view_page(experiment: str, key: str) -> str:
    """The address of a view, below that of the server."""
    query = urlencode({"workflowType": "machine_learning", "viewStateShareKey": key})
    return f"#/experiments/{experiment}/runs?{query}"


def _searched(config: Config) -> Sequence[str]:
    """The dotted paths that trials may differ in."""
    outer = SearchSpace.parse(config.search_space, config).outer.parameters
    return [one.path for one in outer if one.kind != "fixed"]


def _dice(config: Config, folder: StudyFolder) -> list[str]:
    prepared = folder.prepared.read_if_there()
    centers = {prepared.facts[key].center for key in prepared.splits.unseen} if prepared else set()
    removals = ("", *config.modality_dropout.droppable)
    names = [dice_metric(center, removed, seen=False) for center in sorted(centers) for removed in removals]
    return [FULL, MISSING, *map(metric_name, names)]


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def _width_px(column: str) -> int:
    """As wide as the column's name."""
    return MARGIN_PX + LETTER_PX * len(column.partition(".")[2])
