"""A trial whose result is damaged: the file is named, and once it is removed the trial is judged again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from study.errors import StudyError
from study.records import CompleteTrial, StudyFolder
from study.workflow.report import summarise

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
pytestmark = pytest.mark.slow

# What judging a trial again, from its last checkpoint, must not change.
KEPT = ("epochs.jsonl", "checkpoint.pt", "weights.safetensors", "rows.parquet", "postprocessing.json")


def run_study(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "study.run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_trial_with_a_damaged_result_is_judged_again_and_ends_as_it_had(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    more = ("study.name=s", "study.trials=2", "tuning.scheduler=none", "tracking.enabled=false")
    settings = arguments(hospitals, *more)
    done = run_study(*settings)
    assert done.returncode == 0, done.stderr
    folder = StudyFolder(tmp_path / "studies", "s")

    def known() -> list[tuple[int, str, object, object]]:
        trials = optuna.load_study(study_name="s", storage=f"sqlite:///{folder.database}").trials
        return [(t.number, t.state.name, t.value, t.intermediate_values) for t in trials]

    trial, database, summary = folder.trial(0), known(), folder.summary.read()
    result = trial.result.read()
    content = {name: (trial.path / name).read_bytes() for name in KEPT}

    trial.result.path.write_text('{"state": "comp')
    again = run_study(*settings, "resume=true")
    assert again.returncode != 0
    assert f"{trial.result.path}: damaged" in again.stderr
    assert "remove it and resume the study with resume=true, which judges the trial again" in again.stderr
    with pytest.raises(StudyError, match="which judges the trial again"):
        summarise(folder.config.read(), folder)

    trial.result.path.unlink()
    again = run_study(*settings, "resume=true")
    assert again.returncode == 0, again.stderr
    judged = trial.result.read()
    assert isinstance(judged, CompleteTrial)
    assert isinstance(result, CompleteTrial)
    assert (judged.value, judged.epochs, judged.device) == (result.value, result.epochs, result.device)
    assert {name: (trial.path / name).read_bytes() for name in KEPT} == content
    assert known() == database
    assert folder.summary.read() == summary
