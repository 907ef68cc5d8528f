"""Real drivers on a real database: it goes away, and one driver is taken for dead."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from postgres import PASSWORD, Postgres

from study.config import Config, validate
from study.records import StudyFolder
from study.tuning.storage import HANDED_OUT

HERE = Path(__file__).parent
AWAY_S = 12.0
pytestmark = pytest.mark.slow


class Drivers:
    """Drivers of one study in processes of their own, which are ended with the test.

    The configuration holds no password; libpq finds it in the environment.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
            "OMP_NUM_THREADS": "1",
            "FAKE_EPOCH_S": "0.4",
            "FAKE_NOTES": str(root),
            "PGPASSWORD": PASSWORD,
        }
        self._started: list[subprocess.Popen[str]] = []

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Start one; what it says goes to a file."""
        with self.said_by(len(self._started)).open("w") as said:
            driver = subprocess.Popen(
                [sys.executable, str(HERE / "fake_driver.py"), str(self._root)],
                env={**self._environment, **environment},
                stderr=said,
                text=True,
            )
        self._started.append(driver)
        return driver

    def said_by(self, number: int) -> Path:
        """What a driver wrote to stderr; its log and its errors."""
        return self._root / f"driver-{number}"

    def end(self) -> None:
        """End those that still run."""
        for driver in self._started:
            if driver.poll() is None:
                driver.send_signal(signal.SIGCONT)
                driver.kill()
            driver.wait()


@pytest.fixture
def drivers(tmp_path: Path) -> Iterator[Drivers]:
    started = Drivers(tmp_path)
    yield started
    started.end()


def study_on(url: str | None, root: Path, **study: Any) -> tuple[Config, StudyFolder]:
    config = validate(
        {
            "study": {"name": "s", "root": str(root), "trials": 6, "concurrency": 2, **study},
            "trainer": {"epochs": 6, "validate_every": 1},
            "tuning": {"scheduler": "none", "storage": url},
            "search_space": {"trainer": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}}},
        }
    )
    folder = StudyFolder(root, "s")
    folder.config.write(config)
    return config, folder


def until(condition: Callable[[], bool], driver: subprocess.Popen[str]) -> None:
    """Wait while the driver runs."""
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        assert driver.poll() is None
        time.sleep(0.05)


def underway(folder: StudyFolder) -> bool:
    """Whether a trial has ended and another one is in the middle."""
    trials = folder.trials()
    return any(t.result.exists for t in trials) and any(
        not t.result.exists and len(t.training.epochs.read()) >= 2 for t in trials
    )


def engine_of(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sqlalchemy.NullPool
    )


def trials_of(url: str) -> list[optuna.trial.FrozenTrial]:
    storage = optuna.storages.RDBStorage(
        url.replace("postgresql:", "postgresql+psycopg:"), {"poolclass": sqlalchemy.NullPool}
    )
    return optuna.load_study(study_name="s", storage=storage).get_trials(deepcopy=False)


def token(url: str) -> str:
    with engine_of(url).connect() as connection:
        return str(connection.exec_driver_sql("SELECT token FROM fadeout_lease").scalar())


def assert_each_trial_is_there_once(url: str, folder: StudyFolder) -> None:
    trials = trials_of(url)
    assert [(t.number, t.state.name) for t in trials] == [(number, "COMPLETE") for number in range(6)]
    assert [folder_of.number for folder_of in folder.trials()] == list(range(6))
    for trial in trials:
        # A report that was lost with its driver is read from the epochs when the trial ends.
        assert sorted(trial.intermediate_values) == [1, 2, 3, 4, 5, 6]
        assert folder.trial(trial.number).searched() == trial.params
        epochs = folder.trial(trial.number).training.epochs.read()
        assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5, 6]


def test_a_server_that_stops_for_12_seconds_is_waited_for(
    postgres: Postgres, drivers: Drivers, tmp_path: Path
) -> None:
    _, folder = study_on(postgres.url, tmp_path)
    driver = drivers.start()
    until(lambda: underway(folder), driver)
    postgres.stop()
    try:
        time.sleep(AWAY_S)
        assert driver.poll() is None
    finally:
        postgres.start()
    assert driver.wait(240) == 0

    assert_each_trial_is_there_once(postgres.url, folder)
    for number in range(6):  # nothing was restarted
        assert len((tmp_path / f"starts-{number}").read_text().splitlines()) == 1
    said = drivers.said_by(0).read_text()
    gone, back = [line for line in said.splitlines() if "database" in line]
    assert "the database is away" in gone
    assert "the database is back after 1" in back
    assert PASSWORD not in said
    assert token(postgres.url) == ""
    left = [
        path for path in folder.path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert left == []


@pytest.mark.parametrize("backend", ["postgresql", "sqlite"])
def test_a_paused_driver_that_was_replaced_ends_by_itself(
    backend: str, drivers: Drivers, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The second driver runs on another machine: it sees another boot, and a folder without the lock of the first."""
    url = request.getfixturevalue("postgres").url if backend == "postgresql" else f"sqlite:///{tmp_path}/o.db"
    _, folder = study_on(url, tmp_path)
    first = drivers.start()
    until(lambda: underway(folder), first)
    pause(first, url)
    (folder.path / ".lock").unlink()
    (tmp_path / "boot").write_text("of another machine\n")
    before = token(url)
    second = drivers.start(FAKE_BOOT_ID=str(tmp_path / "boot"), FAKE_LOOK_S="1")
    until(lambda: token(url) != before, second)
    first.send_signal(signal.SIGCONT)

    assert first.wait(120) == 2
    assert drivers.said_by(0).read_text().splitlines()[-1] == (
        "error: study.name: another driver has taken 's' over, since this one had not been heard of; "
        "it writes nothing more, and the other one continues all trials"
    )
    assert second.wait(240) == 0
    assert_each_trial_is_there_once(url, folder)
    by_first = [t for t in trials_of(url) if t.system_attrs[HANDED_OUT].startswith(before)]
    assert 0 < len(by_first) < 6  # what had ended when it was paused


def pause(driver: subprocess.Popen[str], url: str) -> None:
    """Stop a driver; not within a transaction on SQLite, whose lock nobody could take from it."""
    driver.send_signal(signal.SIGSTOP)
    while url.startswith("sqlite") and _is_locked(url.removeprefix("sqlite:///")):
        driver.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        driver.send_signal(signal.SIGSTOP)


def _is_locked(path: str) -> bool:
    connection = sqlite3.connect(path, timeout=0)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False
