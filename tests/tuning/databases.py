"""Studies in the databases that tests run on: SQLite in the study's folder, and PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search_spaces import SearchSpace
from study.config import Config, validate
from study.records import StudyFolder
from study.tuning.ledger import Ledger
from study.workflow.searching import search_plan

BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.slow))


def url_of(backend: str, request: pytest.FixtureRequest, shared: Path) -> str:
    """The URL of a database that several folders can share."""
    if backend == "sqlite":
        return f"sqlite:///{shared}/shared.db"
    url: str = request.getfixturevalue("postgres").url
    return url


def make_study(root: Path, url: str | None = None, **sections: Any) -> tuple[Config, StudyFolder]:
    """A study with one searched value and one in turn, and its empty folder."""
    searched = {"type": "float", "low": 0.001, "high": 0.1}
    turn = {"type": "categorical", "choices": [10, 12], "in_turn": True}
    content = {
        "study": {"name": "s", "root": str(root), "trials": 3},
        "tuning": {"storage": url, "sampler": "random"},
        "search_space": {"trainer": {"learning_rate": searched}, "model": {"slices": turn}},
    }
    config = validate({**content, **sections})
    folder = StudyFolder(root, "s")
    folder.path.mkdir(parents=True, exist_ok=True)
    return config, folder


def make_ledger(config: Config, folder: StudyFolder) -> Ledger:
    """The ledger that drives the study."""
    return Ledger(search_plan(config), folder)


def hand_out(config: Config, ledger: Ledger) -> tuple[int, dict[str, Any]]:
    """The number and the values of the next trial."""
    trial = ledger.next_trial()
    return trial.number, SearchSpace.parse(config.search_space, config).suggest(trial)
