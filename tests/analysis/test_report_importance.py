"""Importances: a setting that decides everything comes first, whichever way it is searched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from studies import complete, prepared_study, write_study, write_trial

from analysis.report.importance import importances
from analysis.report.view import StudyView
from study.config import validate

SPACE = {
    "schedule": {"drops": {"type": "float", "low": 0.1, "high": 1.0, "size": 2}},
    "model": {"inputs": {"type": "categorical", "choices": [None, "DWI"]}},
    "trainer": {"learning_rate": {"type": "float", "low": 0.01, "high": 0.3, "log": True}},
    "modality_dropout": {"noise_std": {"type": "float", "low": 0.0, "high": 0.1}},
}


def view(root: Path, trials: int) -> StudyView:
    """The objective is the learning rate, but for a little noise."""
    config = validate({"study": {"name": "s", "root": str(root)}, "search_space": SPACE})
    folder = write_study(config, prepared_study())
    rng = np.random.default_rng(0)
    for number in range(trials):
        rate = float(rng.uniform(0.01, 0.3))
        searched = {
            "schedule.drops": rng.uniform(0.1, 1.0, 2).tolist(),
            "model.inputs": None if number % 2 else "DWI",
            "trainer.learning_rate": rate,
            "modality_dropout.noise_std": float(rng.uniform(0, 0.1)),
        }
        write_trial(folder, complete(number, rate + 0.001 * float(rng.normal())), searched=searched)
    return StudyView(folder)


def test_what_decides_comes_first(tmp_path: Path) -> None:
    made = view(tmp_path, 40)
    found = importances(made.complete, made.space.outer, 0)
    assert found[0].path == "trainer.learning_rate"
    assert found[0].fanova > 0.8
    assert max(found, key=lambda one: one.ped_anova).path == "trainer.learning_rate"
    assert {one.path for one in found} == {
        "schedule.drops.0",
        "schedule.drops.1",
        "model.inputs",
        "trainer.learning_rate",
        "modality_dropout.noise_std",
    }
    assert sum(one.fanova for one in found) == pytest.approx(1)


def test_few_trials_have_no_importances(tmp_path: Path) -> None:
    made = view(tmp_path, 9)
    assert importances(made.complete, made.space.outer, 0) == []
