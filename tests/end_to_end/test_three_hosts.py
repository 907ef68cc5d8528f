"""A study on three machines that share nothing but Ray: one loses power, the cable of another is pulled for a while."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hosts
import optuna
import pytest

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(hosts.why_not() is not None, reason=str(hosts.why_not())),
]

PROJECT = Path(__file__).parents[2]
PORT = 6379
TRIALS = 5
SETTINGS = [
    "study.name=apart",
    f"study.trials={TRIALS}",
    "trainer.epochs=12",
    "trainer.validate_every=1",
    "trainer.deterministic=true",
    "tuning.sampler=random",  # a trial's values depend on its number alone
    "tuning.scheduler=none",
    "search_space=none",
    "search_space.trainer.learning_rate={type: float, low: 0.001, high: 0.1, log: true}",
    "search_space.trainer.workers={type: categorical, choices: [1, 2], in_turn: true}",
]
ENVIRONMENT = {
    "PYTHONPATH": str(PROJECT),
    "OMP_NUM_THREADS": "1",
    "HOME": "/tmp",
    "GLOO_SOCKET_IFNAME": "e0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN_PATH": "/tmp/token",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


@pytest.fixture
def cluster() -> Iterator[list[hosts.Host]]:
    """Three machines with one core each, joined by Ray."""
    token = secrets.token_hex(32)
    with hosts.machines(3) as machines:
        head = machines[0]
        for machine in machines:
            machine.environment.update(ENVIRONMENT)
            written = machine.root / "tmp" / "token"
            written.write_text(token)
            role = "head" if machine is head else "join"
            machine.run(
                str(PROJECT / "cluster" / "hosts.sh"),
                *(role, head.address, machine.address),
                *("--num-cpus=1", "--object-store-memory=100000000"),
            )
        yield machines


def curves(study: Path) -> dict[str, list[dict[str, Any]]]:
    """What each trial has recorded of its epochs, but for the times."""
    found = {}
    for path in sorted(study.glob("trials/*/epochs.jsonl")):
        epochs = map(json.loads, path.read_text().splitlines())
        found[path.parent.name] = [
            {name: value for name, value in epoch.items() if name not in ("time_ms", "seconds")}
            for epoch in epochs
        ]
    return found


def is_busy(machine: hosts.Host) -> bool:
    """Whether a trial, or a process of one, has files on a machine."""
    return any((machine.root / "tmp").glob("fadeout-*"))


def wait_until(condition: Callable[[], bool], driver: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + 600
    while not condition():
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_every_trial_is_there_once_and_as_if_nothing_had_happened(
    cluster: list[hosts.Host], hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    plain = arguments(hospitals, *SETTINGS)
    head, cut, lost = cluster
    shutil.copytree(tmp_path, head.root / "tmp", dirs_exist_ok=True)
    there = [argument.replace(str(tmp_path), "/tmp") for argument in plain]
    table = head.root / "tmp" / "cohort.csv"
    table.write_text(table.read_text().replace(str(tmp_path), "/tmp"))
    study, log = head.root / "tmp" / "studies" / "apart", tmp_path / "driver.log"

    driver = head.start(sys.executable, "-m", "study.run", *there, f"cluster={head.address}:{PORT}", log=log)

    def at_home() -> int:
        return sum(len(found) for found in curves(study).values())

    wait_until(lambda: is_busy(lost) and at_home() >= 4, driver, log)
    lost.die()
    before = at_home()
    wait_until(lambda: is_busy(cut) and at_home() >= before + 3, driver, log)
    cut.cut()
    time.sleep(8)
    cut.mend()
    assert driver.wait(timeout=900) == 0, log.read_text()

    reference = [sys.executable, "-m", "study.run", *plain, "study.concurrency=1", "tracking.enabled=false"]
    done = subprocess.run(reference, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    undisturbed = tmp_path / "studies" / "apart"
    assert curves(study) == curves(undisturbed)
    for number in range(TRIALS):
        result = json.loads((study / "trials" / f"{number:04d}" / "result.json").read_text())
        expected = json.loads((undisturbed / "trials" / f"{number:04d}" / "result.json").read_text())
        assert (result["state"], result["value"]) == ("complete", expected["value"])
    shutil.copy(study / "optuna.db", tmp_path)
    trials = optuna.load_study(study_name="apart", storage=f"sqlite:///{tmp_path}/optuna.db").trials
    assert [(trial.number, trial.state.name) for trial in trials] == [(n, "COMPLETE") for n in range(TRIALS)]
    for machine in (head, cut):
        left = [path.name for path in (machine.root / "tmp").glob("fadeout-*")]
        assert left == []
    assert not [path for path in study.rglob("*") if path.name.endswith((".tmp", ".part"))]
    assert not (study / ".tune").exists()
