"""A search whose Ray dies, whose time is up, or which a stranger tries to reach; with a real Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import psutil
import pytest

from study.config import validate
from study.records import StudyFolder

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    config = validate(
        {
            "study": {"name": "s", "root": str(tmp_path), "trials": 3, "concurrency": 2},
            "trainer": {"epochs": 8, "validate_every": 1},
            "tuning": {"scheduler": "none"},
            "search_space": {"trainer": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}}},
        }
    )
    folder = StudyFolder(tmp_path, "s")
    folder.config.write(config)
    return folder


@pytest.fixture
def driver(
    request: pytest.FixtureRequest, folder: StudyFolder, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """A driver whose trials are at work; the parameter is the length of an epoch in seconds."""
    epoch_s = getattr(request, "param", 0.7)
    environment = {
        **os.environ,
        "FAKE_EPOCH_S": str(epoch_s),
        "FAKE_NOTES": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, str(HERE / "fake_driver.py"), str(tmp_path)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        begun = tmp_path / "starts-0"
        wait_until(lambda: begun.exists() and (epoch_s > 1 or epochs_of(folder, 0) >= 2), process)
        yield process
    finally:
        process.kill()
        process.communicate()


def epochs_of(folder: StudyFolder, number: int) -> int:
    return len(folder.trial(number).training.epochs.read())


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def below(process: subprocess.Popen[str], name: str) -> list[psutil.Process]:
    """Processes that the driver has started, by a part of their command."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if any(name in part for part in child.cmdline()[:1])]


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_a_ray_that_dies_is_started_anew_and_each_trial_is_there_once(
    name: str, driver: subprocess.Popen[str], folder: StudyFolder, tmp_path: Path
) -> None:
    (dead,) = below(driver, f"/{name}")
    dead.kill()
    _, said = driver.communicate(timeout=300)
    assert driver.returncode == 0, said
    assert f"Ray's process {name} has died; it is started anew" in said
    trials = optuna.load_study(study_name="s", storage=f"sqlite:///{folder.path}/optuna.db").trials
    assert [(trial.number, trial.state.name) for trial in trials] == [(n, "COMPLETE") for n in range(3)]
    for number in range(3):
        epochs = folder.trial(number).training.epochs.read()
        assert [epoch.epoch for epoch in epochs] == list(range(1, 9))
    starts = [int(line.split()[1]) for line in (tmp_path / "starts-0").read_text().splitlines()]
    assert starts[0] == 0
    assert starts[-1] >= 2  # not from the beginning
    assert not folder.scratch.exists()


def test_sigusr1_stores_checkpoints_and_the_search_goes_on(
    driver: subprocess.Popen[str], folder: StudyFolder
) -> None:
    driver.send_signal(signal.SIGUSR1)
    _, said = driver.communicate(timeout=300)
    assert driver.returncode == 0, said
    assert "SIGUSR1: all trials have stored a checkpoint" in said
    assert all(folder.trial(number).result.exists for number in range(3))


@pytest.mark.parametrize("driver", [600.0], indirect=True)
def test_ray_listens_on_the_loopback_interface_only_and_refuses_strangers(
    driver: subprocess.Popen[str],
) -> None:
    listening = {
        connection.laddr
        for process in [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert len(listening) > 3
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    (gcs,) = below(driver, "/gcs_server")
    (port,) = {one.laddr.port for one in gcs.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    assert not is_let_in(port, "0" * 64)
    assert is_let_in(port, gcs.environ()["RAY_AUTH_TOKEN"])


STRANGER = """
import sys
from ray._raylet import GcsClient
GcsClient(address=f"127.0.0.1:{sys.argv[1]}").get_all_node_info(timeout=20)
print("let in")
"""


def is_let_in(port: int, token: str) -> bool:
    """Whether a process with this token gets into Ray; one that still tries after a minute does not."""
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    command = [sys.executable, "-c", STRANGER, str(port)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return "let in" in done.stdout
