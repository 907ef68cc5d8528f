"""A disk that is really full: a search in a mount of a few megabytes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hosts
import pytest

from study.config import validate
from study.records import StudyFolder

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(hosts.why_not() is not None, reason=str(hosts.why_not())),
]

BEGIN = """
mount -t tmpfs -o size=20m tmpfs "$1"
cp -r "$2"/. "$1"
head -c 19M /dev/zero > "$1/filler"
exec "$3" "$4" "$1"
"""


def test_a_full_disk_is_waited_for_and_each_trial_is_there_once(tmp_path: Path) -> None:
    config = validate(
        {
            "study": {"name": "s", "root": str(tmp_path / "before"), "trials": 2, "concurrency": 1},
            "trainer": {"epochs": 4, "validate_every": 1},
            "tuning": {"scheduler": "none"},
        }
    )
    StudyFolder(tmp_path / "before", "s").config.write(config)
    place, log = tmp_path / "disk", tmp_path / "log"
    place.mkdir()
    environment = {
        **os.environ,
        "FAKE_TRIAL": "weighty",
        "FAKE_NOTES": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
        "OMP_NUM_THREADS": "1",
    }
    arguments = [str(place), str(tmp_path / "before"), sys.executable, str(HERE / "fake_driver.py")]
    with log.open("w") as output:
        driver = subprocess.Popen(
            ["unshare", "-Urm", "sh", "-ec", BEGIN, "sh", *arguments],
            env=environment,
            stdout=output,
            stderr=output,
        )
    disk = Path(f"/proc/{driver.pid}/root{place}")
    try:
        wait_until(lambda: "the disk is full" in log.read_text(), driver, log)
        (disk / "filler").unlink()
        folder = StudyFolder(disk, "s")
        wait_until(lambda: all(folder.trial(number).result.exists for number in range(2)), driver, log)
        epochs = [[epoch.epoch for epoch in folder.trial(n).training.epochs.read()] for n in range(2)]
        left = [path.name for path in disk.rglob("*") if path.name.endswith((".part", ".tmp"))]
        assert driver.wait(timeout=120) == 0, log.read_text()
    finally:
        driver.kill()
        driver.wait()
    assert epochs == [[1, 2, 3, 4], [1, 2, 3, 4]]
    assert left == []


def wait_until(condition: Callable[[], bool], driver: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert driver.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
