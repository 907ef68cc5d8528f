"""A study from a stranger leads nowhere: what lies outside of its folder is neither read, written nor removed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import availability
from studies import complete, fit, prepared_study, write_study

from study.config import Config, validate
from study.errors import StudyError
from study.evaluation.kept import keep
from study.records import StudyFolder, TrialFolder
from study.records.travelling import going_out
from study.workflow.resuming import check_resumable


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return validate({"study": {"name": "s", "root": str(tmp_path / "studies")}, "resume": True})


@pytest.fixture
def folder(config: Config) -> StudyFolder:
    return write_study(config, prepared_study())


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of the user's with a file that matters."""
    place = tmp_path / "mine"
    place.mkdir()
    (place / "precious").write_text("[]")
    return place


@pytest.mark.parametrize(
    "name", ["prepared.json", "trials", ".tune", ".lock", "optuna.db", "mlflow.db", "mlartifacts", "other"]
)
def test_a_link_in_the_folder_keeps_the_study_from_being_opened_and_resumed(
    folder: StudyFolder, config: Config, outside: Path, name: str
) -> None:
    (folder.path / name).unlink(missing_ok=True)
    (folder.path / name).symlink_to(outside)
    for opened in (
        lambda: StudyFolder.find(folder.path.parent, "s"),
        lambda: check_resumable(config, folder),
    ):
        with pytest.raises(StudyError, match=rf"{name}: is a link; nothing in a study's folder may lead out"):
            opened()


def test_a_link_among_the_files_of_ray_is_refused(folder: StudyFolder, outside: Path) -> None:
    (folder.scratch / "deep").mkdir(parents=True)
    (folder.scratch / "deep" / "ray").symlink_to(outside / "precious")
    with pytest.raises(StudyError, match="ray: is a link"):
        StudyFolder.find(folder.path.parent, "s")


# What opens each file of a trial, for reading or for writing.
USES: dict[str, Callable[[TrialFolder], object]] = {
    "parameters.json": lambda trial: trial.searched(),
    "replicate.json": lambda trial: trial.replicate.read(),
    "result.json": lambda trial: trial.result.read(),
    "epochs.jsonl": lambda trial: trial.training.epochs.read(),
    "checkpoint.pt": lambda trial: trial.training.load(),
    "pretraining.pt": lambda trial: list(going_out(trial)),
    "checkpoint-before.pt": lambda trial: trial.training.load(),
    "weights.safetensors": lambda trial: trial.weights.tensors(),
    "rows.parquet": lambda trial: trial.rows.read(),
    "overlays.npz": lambda trial: trial.overlays.read(),
    "examples.npz": lambda trial: trial.examples.read(),
    "postprocessing.json": lambda trial: trial.fits.own.read(),
    "postprocessing-applied.json": lambda trial: trial.fits.chains,
    "probabilities": lambda trial: trial.kept.read(),
    "probabilities/a.npz": lambda trial: trial.kept.read(),
}


@pytest.mark.parametrize("name", USES)
def test_a_link_among_the_files_of_a_trial_is_refused(folder: StudyFolder, outside: Path, name: str) -> None:
    trial = folder.trial(0)
    link = trial.path / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "precious")
    before = (outside / "precious").stat().st_mtime_ns
    with pytest.raises(StudyError, match=rf"{name}: is a link"):
        USES[name](trial)
    assert (outside / "precious").read_text() == "[]"
    assert (outside / "precious").stat().st_mtime_ns == before


def test_kept_probabilities_behind_a_link_are_neither_removed_nor_written(
    folder: StudyFolder, outside: Path
) -> None:
    import numpy as np

    trial = folder.trial(0)
    trial.result.write(complete())
    trial.kept.path.symlink_to(outside)
    case = keep(
        np.zeros((2, 2, 2), np.float32),
        np.zeros((2, 2, 2), bool),
        key="A-1",
        center="A",
        availability=availability("DWI"),
        spacing_mm=(1, 1, 1),
    )
    for harm in (trial.forget_kept, lambda: trial.kept.write(case)):
        with pytest.raises(StudyError, match="probabilities: is a link"):
            harm()
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_a_trial_s_folder_behind_a_link_is_refused(folder: StudyFolder, outside: Path) -> None:
    (folder.path / "trials").mkdir()
    (folder.path / "trials" / "0000").symlink_to(outside)
    for use in (folder.trials, lambda: folder.trial(0)):
        with pytest.raises(StudyError, match="0000: is a link"):
            use()


def test_a_link_where_a_file_is_written_beside_is_not_written_through(
    folder: StudyFolder, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getpid", lambda: 7)
    trial = folder.trial(0)
    trial.fits.own.write(fit())
    (trial.path / ".result.json.7.tmp").symlink_to(outside / "precious")
    trial.result.write(complete())
    assert trial.result.read() == complete()
    assert (outside / "precious").read_text() == "[]"


@pytest.mark.parametrize("name", ["0000000000000000001x", "1", "00001", "9" * 200, "0x1", "１"])
def test_folders_that_are_no_trial_of_ours_are_passed_over(folder: StudyFolder, name: str) -> None:
    (folder.path / "trials" / name).mkdir(parents=True)
    folder.trial(12345).result.write(complete(12345))
    assert [trial.number for trial in folder.trials()] == [12345]


@pytest.mark.parametrize("address", ["../../etc", "/etc", "..", "a/b", "a\nb"])
def test_addresses_and_keys_that_lead_elsewhere_are_damage(folder: StudyFolder, address: str) -> None:
    import json

    for field in ("address", "key"):
        content = json.loads(folder.prepared.path.read_text())
        (content["subjects"][0] if field == "address" else content["subjects"][0]["facts"])[field] = address
        other = StudyFolder(folder.path.parent, f"other-{field}")
        other.path.mkdir(exist_ok=True)
        other.prepared.path.write_text(json.dumps(content))
        with pytest.raises(StudyError, match=r"prepared\.json: damaged \(subjects\.0"):
            other.prepared.read()


def test_files_that_hold_paths_are_their_owner_s_alone(folder: StudyFolder) -> None:
    assert stat.S_IMODE(folder.config.path.stat().st_mode) == 0o600
    folder.config.write(folder.config.read())
    assert stat.S_IMODE(folder.config.path.stat().st_mode) == 0o600
