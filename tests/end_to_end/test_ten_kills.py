"""A real study whose driver is killed at ten random moments: each trial once, with the curves of an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
pytestmark = pytest.mark.slow
KILLS, TRIALS = 10, 4
LONGEST_S = 25.0  # from the start of a driver to its end; most of it is start-up


def curves(study: Path) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for path in sorted(study.glob("trials/*/epochs.jsonl")):
        epochs = map(json.loads, path.read_text().splitlines())
        found[path.parent.name] = [
            {name: value for name, value in one.items() if name not in ("time_ms", "seconds")}
            for one in epochs
        ]
    return found


def ended(study: Path) -> int:
    return len(list(study.glob("trials/*/result.json")))


def select(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A place for temporary files of its own, whose path is short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        yield Path(folder)


def wait_for_the_end(folder: Path) -> None:
    """Wait until no process works in a folder for temporary files any longer."""
    deadline = time.monotonic() + 60
    while left := [one.pid for one in psutil.process_iter() if works_in(one, folder)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


def works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("TMPDIR") == str(folder)
    except psutil.Error:
        return False


def test_ten_kills_lose_and_double_nothing(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, short_folder: Path
) -> None:
    more = [
        f"study.trials={TRIALS}",
        "trainer.epochs=30",
        "trainer.validate_every=2",
        "trainer.deterministic=true",
        "tuning.scheduler=none",
        "tuning.sampler=random",  # a trial's values depend on its number alone
    ]
    settings = [sys.executable, "-m", "study.run", *arguments(hospitals, *more)]
    undisturbed = tmp_path / "studies" / "undisturbed"
    subprocess.run([*settings, "study.name=undisturbed"], check=True, capture_output=True)

    killed, moments = tmp_path / "studies" / "killed", random.Random(0)
    command = [*settings, "study.name=killed", "resume=true"]
    private = {**os.environ, "TMPDIR": str(short_folder)}
    kills = 0
    while kills < KILLS:
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=private)
        try:
            driver.wait(timeout=moments.uniform(1.0, LONGEST_S))
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            kills += 1
        else:
            assert driver.returncode == 0
            break  # it was through before its time was up
    wait_for_the_end(short_folder)
    subprocess.run(command, check=True, capture_output=True, env=private)

    assert kills >= KILLS // 2
    assert curves(killed) == curves(undisturbed)
    assert ended(killed) == TRIALS
    states = select(killed / "optuna.db", "select number, state from trials order by number")
    assert states == [(number, "COMPLETE") for number in range(TRIALS)]
    runs = select(killed / "mlflow.db", "select value from tags where key = 'fadeout.trial' order by value")
    assert runs == [("0",), ("1",), ("2",), ("3",), ("none",)]
    assert not [path for path in killed.rglob("*") if path.name.endswith((".tmp", ".part"))]
    assert not (killed / ".tune").exists()
    assert list(short_folder.glob("fadeout-*")) == []
