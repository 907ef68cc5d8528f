"""Whole studies with Ray, Optuna and MLflow, each in processes of their own."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from later_wins import later_wins

from study.records import StudyFolder

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
pytestmark = pytest.mark.slow
LIMIT_S = 300


def start(arguments: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "study.run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, said
    return said


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def optuna_trials(folder: StudyFolder) -> dict[int, str]:
    with sqlite3.connect(folder.path / "optuna.db") as database:
        rows = database.execute("select number, state from trials").fetchall()
    assert len(rows) == len(dict(rows))
    return dict(rows)


def mlflow_runs(folder: StudyFolder) -> list[str]:
    with sqlite3.connect(folder.path / "mlflow.db") as database:
        rows = database.execute("select value from tags where key = 'fadeout.trial'").fetchall()
    return sorted(value for (value,) in rows)


def test_a_killed_study_goes_on_and_ends_with_each_trial_once(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    settings = arguments(
        hospitals,
        "study.trials=4",
        "trainer.epochs=20",
        "trainer.iterations_per_epoch=8",
        "tuning.scheduler=none",
    )
    folder = StudyFolder(tmp_path / "studies", "gradual")

    def one_ended_and_another_is_under_way() -> bool:
        ended = {trial.number for trial in folder.trials() if trial.result.exists}
        under_way = {
            trial.number for trial in folder.trials() if len(trial.training.epochs.read()) >= 3
        } - ended
        return bool(ended and under_way)

    process = start(settings)
    wait_for(one_ended_and_another_is_under_way, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = {trial.number: trial.training.epochs.read() for trial in folder.trials()}
    results = {
        trial.number: trial.result.path.stat().st_mtime_ns for trial in folder.trials() if trial.result.exists
    }
    assert results
    assert len(results) < 4

    said = finish(start([*settings, "resume=true"]))
    assert "Winner: trial" in said
    assert optuna_trials(folder) == dict.fromkeys(range(4), "COMPLETE")
    assert mlflow_runs(folder) == ["0", "1", "2", "3", "none"]
    assert [trial.number for trial in folder.trials()] == [0, 1, 2, 3]
    for trial in folder.trials():
        epochs = trial.training.epochs.read()
        assert [epoch.epoch for epoch in epochs] == list(range(1, 21))
        assert epochs[: len(before.get(trial.number, []))] == before.get(trial.number, [])
        assert len(trial.rows.read()) > 0
    for number, written_ns in results.items():
        assert folder.trial(number).result.path.stat().st_mtime_ns == written_ns

    refused = start(settings)
    said, _ = refused.communicate(timeout=LIMIT_S)
    assert refused.returncode == 2
    assert "resume=true" in said
    changed = start(later_wins(*settings, "resume=true", "trainer.batch_size=3"))
    said, _ = changed.communicate(timeout=LIMIT_S)
    assert changed.returncode == 2
    assert "trainer.batch_size: the study has 2, now 3" in said


def test_a_study_whose_root_was_moved_is_resumed_evaluated_and_exported(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    settings = arguments(hospitals)
    finish(start([*settings, "study.trials=1", "tracking.enabled=false"]))
    moved = tmp_path / "elsewhere" / "studies"
    moved.parent.mkdir()
    (tmp_path / "studies").rename(moved)
    resumed = later_wins(
        *settings, "study.trials=2", f"study.root={moved}", "resume=true", "tracking.enabled=false"
    )
    assert "trials ended: 2 complete" in finish(start(resumed))
    assert not (tmp_path / "studies").exists()
    where = ["study.name=gradual", f"study.root={moved}"]
    for module, more in (("study.evaluate", []), ("study.export", [f"out={tmp_path / 'bundle'}"])):
        subprocess.run([sys.executable, "-m", module, *where, *more], capture_output=True, check=True)
    assert (tmp_path / "bundle" / "bundle.json").is_file()


def test_a_study_whose_scans_changed_is_not_resumed(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    settings = [*arguments(hospitals), "tracking.enabled=false"]
    finish(start([*settings, "study.trials=1"]))
    scan = Path(hospitals[0]["DWI"])
    image = nib.load(scan)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj) * 1.5, image.affine), scan)
    changed = start([*settings, "study.trials=2", "resume=true"])
    said, _ = changed.communicate(timeout=LIMIT_S)
    assert changed.returncode == 2
    assert "the scans of 1 subject (North-0001) differ from those" in said


def test_a_deterministic_study_gives_the_same_rows_again(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    tables, parameters = [], []
    for name in ("one", "two"):
        more = [
            "study.trials=3",
            "study.concurrency=1",
            "trainer.deterministic=true",
            "tracking.enabled=false",
        ]
        finish(start([*arguments(hospitals, *more), f"study.name={name}"]))
        folder = StudyFolder(tmp_path / "studies", name)
        parameters.append([trial.searched() for trial in folder.trials()])
        tables.append(pd.concat([trial.rows.read() for trial in folder.trials() if trial.rows.exists]))
    assert parameters[0] == parameters[1]
    pd.testing.assert_frame_equal(*tables)


def test_two_workers_learn_what_one_with_the_doubled_batch_learns(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    curves = []
    for name, workers, batch in (("two", 2, 2), ("one", 1, 4)):
        more = [f"study.name={name}", f"trainer.workers={workers}", f"trainer.batch_size={batch}"]
        settings = [*more, "study.trials=1", "trainer.epochs=20", "trainer.iterations_per_epoch=1"]
        finish(start(arguments(hospitals, *settings, "tracking.enabled=false")))
        epochs = StudyFolder(tmp_path / "studies", name).trial(0).training.epochs.read()
        curves.append([epoch.train_loss for epoch in epochs])
    assert len(curves[0]) == 20
    assert curves[0][:10] == pytest.approx(curves[1][:10], abs=1e-4)
    assert curves[0] == pytest.approx(curves[1], abs=2e-3)  # rounding grows from step to step


def test_nothing_private_reaches_the_tracking(hospitals: Rows, arguments: Arguments, tmp_path: Path) -> None:
    finish(start(arguments(hospitals, "study.trials=1")))
    folder = StudyFolder(tmp_path / "studies", "gradual")
    where = ["study.name=gradual", f"study.root={tmp_path / 'studies'}"]
    again = [sys.executable, "-m", "study.postprocess", *where, "apply=true"]
    assert "validation subjects" in subprocess.run(again, capture_output=True, text=True, check=True).stdout
    fits = folder.trial(0).fits
    found = fits.path(1)
    assert fits.chains == fits.read(1).best
    subprocess.run([sys.executable, "-m", "study.sync", *where], capture_output=True, check=True)
    tracked = [
        found,
        folder.path / "mlflow.db",
        *(p for p in (folder.path / "mlartifacts").rglob("*") if p.is_file()),
    ]
    assert len(tracked) > 5
    assert {"postprocessing.png", "postprocessing.json"} < {path.name for path in tracked}
    for path in tracked:
        content = path.read_bytes()
        for row in hospitals:
            assert os.fsencode(row["subject"]) not in content
            assert os.fsencode(Path(row["DWI"]).parent.name) not in content
