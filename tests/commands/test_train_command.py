"""`python -m study.train`: what it says before it trains."""

from __future__ import annotations

from typing import Any

import pytest

from study import train
from study.config import Config


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that a training is asked for; none is trained."""
    asked: list[Config] = []

    def train_once(config: Config, say: Any) -> None:
        asked.append(config)

    monkeypatch.setattr("study.workflow.study.train_once", train_once)
    return asked


def test_a_training_is_a_study_of_one_trial_with_a_name_of_its_own(trained: list[Config]) -> None:
    train.main([])
    train.main(["study.name=mine", "study.trials=1"])
    assert [(config.study.name, config.study.trials) for config in trained] == [("train", 1), ("mine", 1)]


def test_a_database_that_is_not_used_is_told(
    trained: list[Config], capsys: pytest.CaptureFixture[str]
) -> None:
    train.main(["tuning.storage=postgresql://me@nowhere/db"])
    assert capsys.readouterr().out == "tuning.storage: not used, since study.train searches nothing\n"
    train.main([])
    assert capsys.readouterr().out == ""
    assert len(trained) == 2
