"""Ending a study from outside: whom it asks, and whom it leaves alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.errors import StudyError
from study.machine.identity import ProcessIdentity
from study.records import StudyFolder
from study.records.driving import Driver
from study.records.locks import held
from study.workflow import stopping
from study.workflow.stopping import stop_study

DRIVE = """
import signal, sys
from pathlib import Path
from study.records import StudyFolder
folder = StudyFolder(Path(sys.argv[1]), "s")
with folder.driven():
    folder.driver.confirm(trials=1)
    if len(sys.argv) > 2:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("drives", flush=True)
    input()
"""


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path, "s")
    folder.path.mkdir()
    return folder


@pytest.fixture
def said() -> list[str]:
    return []


def driving(folder: StudyFolder, *more: str) -> subprocess.Popen[bytes]:
    """A process that drives the study until it is asked to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVE, str(folder.path.parent), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"drives\n"
    return process


@pytest.fixture
def driver(folder: StudyFolder) -> Iterator[subprocess.Popen[bytes]]:
    with driving(folder) as process:
        yield process
        process.kill()


def test_there_is_nothing_to_stop(folder: StudyFolder, said: list[str]) -> None:
    stop_study(folder, said.append)
    assert said == ["s: nothing runs it; there is nothing to stop"]


def test_the_driver_is_asked_and_waited_for(
    folder: StudyFolder, driver: subprocess.Popen[bytes], said: list[str]
) -> None:
    stop_study(folder, said.append)
    assert driver.wait(60) == -signal.SIGTERM
    assert said == [
        f"s: process {driver.pid} is asked to end; its trials bring home their checkpoints",
        "s: stopped; continue with the study's command and resume=true",
    ]


def test_one_that_does_not_end_is_told_of(
    folder: StudyFolder, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "WITHIN_S", 2.0)
    waits: list[float] = []
    with driving(folder, "deaf") as process:
        try:
            with pytest.raises(
                StudyError, match=rf"process {process.pid} has not ended within 2 s; look at .*study.log"
            ):
                stop_study(folder, said.append, waits.append)
        finally:
            process.kill()
    assert sum(waits) == pytest.approx(2)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (
            "another boot",
            "was last run by process 71 on far: if it runs there still, repeat this command there",
        ),
    ],
)
def test_a_driver_of_another_machine_is_not_asked(folder: StudyFolder, place: str, words: str) -> None:
    folder.driver.note.write(Driver(host="far", place=place, process=71, started="1", since_ms=0))
    with pytest.raises(StudyError, match=words):
        stop_study(folder, print)


def test_a_driver_of_another_container_is_not_asked(folder: StudyFolder) -> None:
    own = ProcessIdentity.own()
    note = Driver(
        host="far", place=f"{own.place} inner", process=os.getpid(), started=own.started, since_ms=0
    )
    folder.driver.note.write(note)
    with (
        held(folder.path / ".lock", "", ""),
        pytest.raises(StudyError, match="on far runs it; repeat this command there"),
    ):
        stop_study(folder, print)


def test_one_that_has_not_noted_itself_is_to_be_asked_later(folder: StudyFolder) -> None:
    with held(folder.path / ".lock", "", ""), pytest.raises(StudyError, match="ask again in a few seconds"):
        stop_study(folder, print)


def test_a_process_of_another_user_is_told_of(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(identity: ProcessIdentity) -> None:
        raise PermissionError

    monkeypatch.setattr(ProcessIdentity, "ask_to_end", refuse)
    with folder.driven(), pytest.raises(StudyError, match="belongs to another user, who must stop it"):
        stop_study(folder, print)
