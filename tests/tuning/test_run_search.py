"""The search with a real Ray, on trainings that learn nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_trials
import optuna
import pytest

from study.config import Config, validate
from study.errors import ConfigError, StudyError
from study.records import FailedTrial, StudyFolder
from study.tuning import run_search
from study.tuning.cluster import ray_for
from study.tuning.room import Need
from study.workflow.searching import search_plan

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


def make_config(root: Path, **sections: Any) -> Config:
    content = {
        "study": {"name": "s", "root": str(root), "trials": 6, "concurrency": 2},
        "trainer": {"epochs": 4, "validate_every": 1},
        "tuning": {"first_rung": 0.25},
        "schedule": {"clock": "rung"},
        "search_space": {"trainer": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}}},
    }
    for name, section in sections.items():
        content[name] = {**content.get(name, {}), **section}
    return validate(content)


def prepared(config: Config) -> StudyFolder:
    folder = StudyFolder(config.study.root, config.study.name)
    folder.path.mkdir(parents=True, exist_ok=True)
    return folder


def stored(folder: StudyFolder) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="s", storage=f"sqlite:///{folder.path}/optuna.db").trials


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Workers find this folder and the project, wherever pytest was started."""
    monkeypatch.setenv("FAKE_NOTES", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_weak_trials_are_pruned_and_every_end_reaches_database_and_listener(tmp_path: Path) -> None:
    config = make_config(tmp_path, tuning={"first_rung": 0.5})
    folder = prepared(config)
    heard: list[tuple[int, str]] = []

    def listen(number: int) -> None:
        result = folder.trial(number).result.read_if_there()
        heard.append((number, result.state if result else "running"))
        if number == 2:
            raise OSError("tracking is away")

    run_search(search_plan(config), folder, listen, run_trial=fake_trials.fake_trial)

    trials = stored(folder)
    assert [trial.number for trial in trials] == list(range(6))
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}
    for trial in trials:
        result = folder.trial(trial.number).result.read()
        assert result.state.upper() == trial.state.name
        assert trial.value == pytest.approx(trial.params["trainer.learning_rate"])
        assert list(trial.intermediate_values) == list(range(1, result.epochs + 1))
        assert (trial.number, result.state) in heard
        # A report returns after the scheduler has judged it: no epoch is trained beyond the rung.
        assert result.epochs == (4 if result.state == "complete" else 2)
    assert not (folder.path / ".tune").exists()
    heard.clear()
    run_search(
        search_plan(config), folder, listen, run_trial=fake_trials.fake_trial
    )  # nothing remains: Ray is not started
    assert heard == []


def test_a_failing_trial_is_recorded_as_failed_and_a_dying_one_continues_from_its_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "study.tuning.search")
    config = make_config(tmp_path, study={"trials": 4}, tuning={"scheduler": "none"})
    folder = prepared(config)
    run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.fails_or_dies_once)
    assert [trial.state.name for trial in stored(folder)] == ["COMPLETE", "COMPLETE", "COMPLETE", "FAIL"]
    failed = folder.trial(3).result.read()
    assert isinstance(failed, FailedTrial)
    assert failed.error == "TrainingError: trial 3: the loss is not finite"
    starts = (tmp_path / "starts-1").read_text().split("\n")
    assert [line.split()[1] for line in starts if line] == ["0", "2"]  # a new process, from epoch 2
    assert [epoch.epoch for epoch in folder.trial(1).training.epochs.read()] == [1, 2, 3, 4]
    assert "Ray says of an attempt that has died: " in caplog.text


def test_a_killed_driver_goes_on_and_each_trial_exists_once(tmp_path: Path) -> None:
    config = make_config(tmp_path, study={"trials": 5}, tuning={"scheduler": "none"}, trainer={"epochs": 6})
    folder = prepared(config)
    folder.config.write(config)
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "fake_driver.py"), str(tmp_path)],
        env={**os.environ, "FAKE_EPOCH_S": "0.4"},
    )
    try:
        deadline = time.monotonic() + 240
        while not (any(t.result.exists for t in folder.trials()) and _running_beyond_first_epoch(folder)):
            assert time.monotonic() < deadline
            assert driver.poll() is None
            time.sleep(0.02)
    finally:
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    finished = {t.number: t.result.path.stat().st_mtime_ns for t in folder.trials() if t.result.exists}
    interrupted = [t.number for t in stored(folder) if t.state.name == "RUNNING" and t.number not in finished]
    parameters = {t.number: t.params for t in stored(folder)}
    assert interrupted

    run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.fake_trial)

    trials = stored(folder)
    assert [(t.number, t.state.name) for t in trials] == [(number, "COMPLETE") for number in range(5)]
    for number, modified in finished.items():
        assert folder.trial(number).result.path.stat().st_mtime_ns == modified
        assert len((tmp_path / f"starts-{number}").read_text().splitlines()) == 1
    for number, values in parameters.items():
        assert trials[number].params == values
    for trial in trials:
        epochs = folder.trial(trial.number).training.epochs.read()
        assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5, 6]
        assert list(trial.intermediate_values) == [1, 2, 3, 4, 5, 6]


def _running_beyond_first_epoch(folder: StudyFolder) -> bool:
    return any(not t.result.exists and len(t.training.epochs.read()) >= 2 for t in folder.trials())


def test_a_terminated_driver_says_how_to_continue(tmp_path: Path) -> None:
    config = make_config(tmp_path, study={"trials": 50}, tuning={"scheduler": "none"})
    folder = prepared(config)
    folder.config.write(config)
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "fake_driver.py"), str(tmp_path)],
        env={**os.environ, "FAKE_EPOCH_S": "0.4"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 240
        while not _running_beyond_first_epoch(folder):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(StudyError, match="another process runs 's'"):
            run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.fake_trial)
        driver.send_signal(signal.SIGTERM)
        _, said = driver.communicate(timeout=120)
    finally:
        driver.kill()
    assert "continue with the same command and resume=true" in said
    assert driver.returncode == 143


def test_one_trial_at_a_time_with_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        config = make_config(
            tmp_path / name, study={"concurrency": 1, "trials": 8}, tuning={"startup_trials": 3}
        )
        folder = prepared(config)
        run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.fake_trial)
        found.append([(t.state.name, t.value, t.params) for t in stored(folder)])
    assert found[0] == found[1]
    assert len({value for _, value, _ in found[0]}) == 8


def test_given_values_are_run_beside_the_trials_of_the_study(tmp_path: Path) -> None:
    config = make_config(tmp_path, study={"trials": 2})
    folder = prepared(config)
    run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.fake_trial)
    before = [(t.number, t.value, t.params) for t in stored(folder)]
    given = tuple(
        {"trainer.learning_rate": rate, "study.seed": seed} for seed, rate in enumerate((0.05, 0.07, 0.06))
    )
    heard: list[int] = []
    plan = replace(
        search_plan(config),
        study=config.study.model_copy(update={"name": "s.replicates", "trials": 3}),
        tuning=config.tuning.model_copy(update={"scheduler": "none"}),
        given=given,
    )
    for _ in range(2):  # the second time, nothing is left to do
        run_search(plan, folder.replicates, heard.append, run_trial=fake_trials.fake_trial)
    results = [trial.result.read() for trial in folder.replicates.trials()]
    assert [(one.state, one.value) for one in results] == [("complete", rate) for rate in (0.05, 0.07, 0.06)]
    assert [trial.parameters.read() for trial in folder.replicates.trials()] == list(given)
    assert {0, 1, 2} <= set(heard)
    assert [trial.number for trial in folder.trials()] == [0, 1]
    assert [(t.number, t.value, t.params) for t in stored(folder)] == before


def test_two_workers_train_as_one_group_and_stop_together(tmp_path: Path) -> None:
    config = make_config(tmp_path, trainer={"workers": 2}, study={"trials": 3, "concurrency": 1})
    folder = prepared(config)
    run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.sums_ranks)
    results = [folder.trial(number).result.read() for number in range(3)]
    assert {getattr(result, "device", None) for result in results} == {"2 ranks with the sum 3"}
    assert [t.state.name for t in stored(folder)] == [result.state.upper() for result in results]
    assert "PRUNED" in {t.state.name for t in stored(folder)}


def test_a_group_that_loses_a_process_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    config = make_config(
        tmp_path,
        trainer={"workers": 2},
        study={"trials": 1, "concurrency": 1},
        tuning={"scheduler": "none"},
    )
    folder = prepared(config)
    run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.loses_a_rank_once)
    assert [trial.state.name for trial in stored(folder)] == ["COMPLETE"]
    assert [epoch.epoch for epoch in folder.trial(0).training.epochs.read()] == [1, 2, 3, 4]
    starts = [line.split()[1] for line in (tmp_path / "starts-0").read_text().splitlines()]
    assert starts == ["0", "2"]


def test_a_group_that_cannot_start_in_time_gives_its_place_back_and_starts_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import ray
    from ray.util import placement_group, placement_group_table, remove_placement_group

    monkeypatch.setenv("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "4")
    config = make_config(
        tmp_path,
        trainer={"workers": 2},
        study={"trials": 1, "concurrency": 1},
        tuning={"scheduler": "none"},
    )
    folder, left = prepared(config), []

    def make_room() -> None:
        """When a group has given up, note what is free, and give it the rest."""
        while not any(group["state"] == "REMOVED" for group in placement_group_table().values()):
            time.sleep(0.1)
        left.append(wait_for_cpus(1))
        remove_placement_group(others)

    with ray_for("local", Need.of(config.trainer), 1):
        others = placement_group([{"CPU": ray.cluster_resources()["CPU"] - 1}])  # of somebody else
        ray.get(others.ready())
        with ThreadPoolExecutor(1) as pool:
            freed = pool.submit(make_room)
            run_search(search_plan(config), folder, lambda number: None, run_trial=fake_trials.sums_ranks)
            freed.result()
        assert wait_for_cpus(ray.cluster_resources()["CPU"])
        states = {group["state"] for group in placement_group_table().values()}
    assert left == [True]
    assert states == {"REMOVED"}
    assert any("trial 0: no host can run the trial" in line.message for line in caplog.records)
    assert [trial.state.name for trial in stored(folder)] == ["COMPLETE"]
    assert folder.trial(0).result.read().device == "2 ranks with the sum 3"


def wait_for_cpus(count: float) -> bool:
    """Whether so many CPUs become free within a while; Ray tells of it late."""
    import ray

    deadline = time.monotonic() + 20
    while (free := ray.available_resources().get("CPU", 0.0)) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return free == count


def test_more_gpus_than_there_are_is_said_at_once(tmp_path: Path) -> None:
    config = make_config(tmp_path, trainer={"gpus_per_worker": 64.0})
    with pytest.raises(ConfigError, match=r"trainer.gpus_per_worker: a trial needs 1 × 64, Ray has"):
        run_search(
            search_plan(config), prepared(config), lambda number: None, run_trial=fake_trials.fake_trial
        )
