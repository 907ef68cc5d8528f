"""The real MLflow, in files of the test's own folder."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import shutil
import socket
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from studies import pruned

from study import sync
from study.config import Config
from study.errors import StudyError
from study.evaluation.rows import ResultRow
from study.machine.files import read_json
from study.records import StudyFolder
from study.tracking import make_tracker, send_missing, tracking_uri
from study.tracking.store import _make_database

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),  # MLflow's own
]

PRIVATE = ("patient-Jane-Roe", "ID-998877", "roe_jane_dwi.nii.gz", "pass4word")


@pytest.fixture(autouse=True)
def _quick_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def _client(config: Config, folder: StudyFolder) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri(config.tracking, folder))


def _content(config: Config, folder: StudyFolder) -> dict[str, Any]:
    """Per run: its tags, parameters, points and artifacts; what may not change when sent again."""
    client = _client(config, folder)
    (experiment,) = [
        found for found in client.search_experiments() if found.name == config.tracking.experiment
    ]
    content = {}
    for run in client.search_runs([experiment.experiment_id]):
        points = Counter(
            (point.key, point.value, point.step, point.timestamp)
            for key in run.data.metrics
            for point in client.get_metric_history(run.info.run_id, key)
        )
        files = sorted(_files(client, run.info.run_id))
        content[run.data.tags["fadeout.trial"]] = (run.info.run_id, run.info.status, run.data, points, files)
    return content


def _files(client: Any, run: str, path: str = "") -> list[str]:
    found = []
    for entry in client.list_artifacts(run, path):
        found += _files(client, run, entry.path) if entry.is_dir else [entry.path]
    return found


def _counts(content: dict[str, Any]) -> dict[str, Any]:
    return {trial: (run, status, points, files) for trial, (run, status, _, points, files) in content.items()}


@dataclass
class Tracked:
    """A study that was sent while it ran; tests leave it as it is."""

    config: Config
    folder: StudyFolder
    runs: dict[str, Any]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, make_study: Any) -> Tracked:
    config, folder = make_study(tmp_path_factory.mktemp("a folder with spaces"))
    tracker = make_tracker(config, folder)
    tracker.begin()
    tracker.trial_changed(0)
    tracker.trial_changed(1)
    assert tracker.finish(120)
    return Tracked(config, folder, _content(config, folder))


def test_a_study_is_a_run_with_a_nested_run_per_trial(tracked: Tracked) -> None:
    runs = tracked.runs
    assert set(runs) == {"none", "0", "1"}
    parent, status, data, points, files = runs["none"]
    assert status == "FINISHED"
    assert data.tags["fadeout.study"] == "tiny"
    assert data.tags["mlflow.user"] == data.tags["mlflow.source.name"] == "fadeout"
    assert data.metrics["best_objective"] == 0.61
    assert data.metrics["dice.unseen.ISLES"] == pytest.approx(0.63)
    assert set(points.values()) == {1}
    assert set(files) == {
        "config.json",
        "splits.json",
        "sizes.json",
        "cross_center.json",
        "averages.json",
        "removed.json",
        "metrics.json",
        "overlays/ISLES.png",
    }
    assert {runs[trial][2].tags["mlflow.parentRunId"] for trial in ("0", "1")} == {parent}
    assert runs["1"][1] == "FAILED"
    for run, *_ in runs.values():
        info = _client(tracked.config, tracked.folder).get_run(run).info
        assert info.start_time <= info.end_time
    assert {"training_curves.png", "cross_center.json", "overlays/ISLES.png"} < set(runs["0"][4])


def test_above_the_runs_stands_what_not_to_sort_them_by(tracked: Tracked) -> None:
    client = _client(tracked.config, tracked.folder)
    experiment = client.get_experiment_by_name(tracked.config.tracking.experiment)
    assert "selection on test data" in experiment.tags["mlflow.note.content"]


def test_the_cross_center_table_can_be_loaded_as_a_table(tracked: Tracked) -> None:
    run, _, data, *_ = tracked.runs["0"]
    assert "cross_center.json" in data.tags["mlflow.loggedArtifacts"]
    path = _client(tracked.config, tracked.folder).download_artifacts(run, "cross_center.json")
    table = read_json(Path(path))
    assert table["columns"] == ["center", "seen", "subset", "removed", "n", "dice", "dice_low", "dice_high"]
    assert [line[:5] for line in table["data"]] == [
        ["CHSF", True, "DWI+ADC+B0", "", 3],
        ["CHSF", True, "DWI+ADC", "B0", 3],
        ["ISLES", False, "DWI+ADC", "", 3],
    ]


def test_the_table_by_occlusion_can_be_loaded_as_a_table(
    config: Config, folder: StudyFolder, make_rows: Callable[[int, float], list[ResultRow]]
) -> None:
    known = [replace(row, occlusion="distal") for row in make_rows(0, 0.6)]
    control = replace(known[0], split="control", subject="CHSF-0009", detected=math.nan, false_positives=5)
    folder.trial(0).rows.write([*known, control])
    assert send_missing(config, folder) == (2, 2)
    run, _, data, *_ = _content(config, folder)["0"]
    assert data.metrics["occlusions/dice.unseen.distal"] == pytest.approx(0.62)
    assert data.metrics["occlusions/false_positives.seen.control"] == 5
    path = _client(config, folder).download_artifacts(run, "occlusions.json")
    table = read_json(Path(path))
    lines = [dict(zip(table["columns"], line, strict=True)) for line in table["data"]]
    (line,) = [line for line in lines if line["occlusion"] == "control"]
    assert (line["seen"], line["n"], line["false_positives"]) == (True, 1, 5)
    assert line["dice"] is None  # a control scan has no Dice


def test_sending_twice_stores_once(tracked: Tracked, capsys: pytest.CaptureFixture[str]) -> None:
    study = tracked.config.study
    arguments = [f"study.name={study.name}", f"study.root={study.root}"]
    sync.main(arguments)
    assert "2 trials, 0 of them new or changed" in capsys.readouterr().out
    client = _client(tracked.config, tracked.folder)
    for run, *_ in tracked.runs.values():  # as if the process had been killed before its last word
        client.set_tag(run, "fadeout.sent", "")
    sync.main(arguments)
    assert "2 trials, 2 of them new or changed" in capsys.readouterr().out
    assert _counts(_content(tracked.config, tracked.folder)) == _counts(tracked.runs)


def test_nothing_private_is_stored(tracked: Tracked) -> None:
    artifacts = [path for path in (tracked.folder.path / "mlartifacts").rglob("*") if path.is_file()]
    assert len(artifacts) > 8
    for path in (tracked.folder.path / "mlflow.db", *artifacts):
        content = path.read_bytes()
        for private in PRIVATE:
            assert private.encode() not in content, f"{private} in {path.name}"
        if path.suffix != ".db":  # which must know where the artifacts lie
            assert b"secretfolder" not in content, path.name


def test_a_moved_study_says_what_to_do(tracked: Tracked, tmp_path: Path) -> None:
    shutil.copytree(tracked.folder.path, tmp_path / "tiny")
    with pytest.raises(StudyError, match=r"remove its mlflow\.db and mlartifacts"):
        send_missing(tracked.config, StudyFolder(tmp_path, "tiny"))


def test_a_study_grows_while_it_runs(config: Config, folder: StudyFolder) -> None:
    folder.trial(1).result.path.unlink()
    tracker = make_tracker(config, folder)
    tracker.begin()
    tracker.trial_changed(1)
    assert tracker.finish(120)
    before = _content(config, folder)
    assert (before["none"][1], before["1"][1]) == ("KILLED", "KILLED")
    folder.trial(1).result.write(pruned(1, 0.2))
    assert send_missing(config, folder) == (2, 1)
    after = _content(config, folder)
    assert (after["none"][1], after["1"][1]) == ("FINISHED", "FINISHED")
    assert after["1"][2].tags["fadeout.state"] == "pruned"
    assert before["1"][3] <= after["1"][3]
    assert set(after["1"][3].values()) == {1}


def test_a_study_goes_on_without_mlflow_and_is_sent_later(
    config: Config, folder: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as port:  # bound and never listening: connections are refused
        port.bind(("127.0.0.1", 0))
        away = config.with_values({"tracking.uri": f"http://me:word@127.0.0.1:{port.getsockname()[1]}"})
        tracker = make_tracker(away, folder)
        tracker.begin()
        tracker.trial_changed(0)
        with caplog.at_level(logging.WARNING, "study.tracking"):
            assert not tracker.finish(120)
        with pytest.raises(StudyError, match="refuses the study"):
            send_missing(away, folder)
    (message,) = [record.getMessage() for record in caplog.records if record.name.startswith("study.")]
    assert f"python -m study.sync study.name=tiny study.root={config.study.root}" in message
    assert "word" not in message
    assert folder.tracking.read().failure
    assert send_missing(config, folder) == (2, 2)
    assert set(_content(config, folder)) == {"none", "0", "1"}
    assert folder.tracking.read().failure is None


def test_a_running_study_is_not_sent_by_another_process(config: Config, folder: StudyFolder) -> None:
    with (folder.path / "tracking.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StudyError, match="another process"):
            send_missing(config, folder)


def test_tracking_can_be_switched_off(config: Config, folder: StudyFolder) -> None:
    tracker = make_tracker(config.with_values({"tracking.enabled": False}), folder)
    tracker.begin()
    tracker.trial_changed(0)
    assert tracker.finish(120)
    assert not (folder.path / "mlflow.db").exists()


def test_a_database_that_a_killed_process_has_half_made_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    (tmp_path / "mlflow.db.new").write_bytes(b"half")
    _make_database(path)
    assert [file.name for file in tmp_path.iterdir()] == ["mlflow.db"]
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("select name from experiments").fetchall() == [("Default",)]
