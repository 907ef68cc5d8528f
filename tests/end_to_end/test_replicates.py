"""A real study that repeats its winner and its rival, on tiny scans."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from study.records import StudyFolder

pytestmark = pytest.mark.slow


def run(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "study.run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def test_other_seeds_give_other_networks_that_are_no_trials(
    hospitals: list[dict[str, str]],
    arguments: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    given = arguments(hospitals, "study.name=again", "study.trials=2", "tuning.scheduler=none")
    first = run([*given, "study.replicates=1"])
    folder = StudyFolder(tmp_path / "studies", "again")
    winner = folder.summary.read().winner
    again = folder.replicates.trials()
    repeated = [one.replicate.read() for one in again]
    assert [(one.trial, one.seed) for one in repeated] == [(winner, 1), (1 - winner, 1)]
    assert "(replicate 2 of 2)" in first
    rival = "the second best" if winner == 0 else "the default settings"  # which the first trial has
    assert f"The winner (trial {winner}) against {rival} (trial {1 - winner})" in first
    for replicate, one in zip(again, repeated, strict=True):
        original = folder.trial(one.trial)
        assert replicate.searched() == {**original.searched(), "study.seed": 1}
        mine, theirs = load_file(replicate.weights.path), load_file(original.weights.path)
        assert mine.keys() == theirs.keys()
        assert any((mine[name] != theirs[name]).any() for name in mine)

    later = run([*given, "study.replicates=2", "resume=true"])
    assert [one.replicate.read().seed for one in folder.replicates.trials()] == [1, 1, 2, 2]
    assert len(folder.trials()) == 2
    assert "include the noise of seeds" in later
    with sqlite3.connect(folder.path / "mlflow.db") as database:
        runs = database.execute("select key, value from tags").fetchall()
    assert sorted(value for key, value in runs if key == "fadeout.replicate") == ["0", "0", "1", "1"]
    assert sorted(value for key, value in runs if key == "fadeout.trial") == [
        "0", "1", "none", *(f"replicate {number}" for number in range(4))
    ]  # fmt: skip
    assert any("The winner (trial" in value for key, value in runs if key == "mlflow.note.content")
