"""Who drives a study: the lock, and the note of its holder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from study.errors import StudyError
from study.machine.identity import ProcessIdentity
from study.records import StudyFolder
from study.records.driving import Driver
from study.records.locks import held, is_held

ELSEWHERE = {"host": "far", "place": "another boot", "process": 7, "started": "8"}


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path, "s")
    folder.path.mkdir()
    return folder


def noted(folder: StudyFolder, **changes: object) -> None:
    """A process has noted itself, without the lock."""
    host, place, process, started = ProcessIdentity.own()
    known = {"host": host, "place": place, "process": process, "started": started, "since_ms": 1_000}
    folder.driver.note.write(Driver.model_validate({**known, **changes}))


def test_a_lock_is_asked_about_without_being_in_the_way(folder: StudyFolder) -> None:
    lock = folder.path / ".lock"
    assert not is_held(lock)
    assert not lock.exists()
    with held(lock, "taken", "wait"):
        assert is_held(lock)
        with pytest.raises(StudyError, match="taken"), held(lock, "taken", "wait"):
            pass
    assert not is_held(lock)


def test_a_driver_is_known_while_it_drives_and_noted_after_it(folder: StudyFolder) -> None:
    assert folder.driver.driving() is None
    with folder.driven():
        folder.driver.confirm(trials=30)
        driving = folder.driver.driving()
        assert driving is not None
        assert driving.state == "running"
        assert driving.driver is not None
        assert driving.driver.identity == ProcessIdentity.own()
        assert driving.driver.trials == 30
        with pytest.raises(StudyError, match=re.escape("-m study.stop study.name=s study.root=")):
            StudyFolder(folder.path.parent, "s").refuse_driven()
    assert folder.driver.driving() is None
    note = folder.driver.note.read()
    assert note.ended_ms is not None
    assert note.ended_ms >= note.since_ms
    folder.refuse_driven()


def test_a_driver_that_was_killed_drives_no_more(folder: StudyFolder) -> None:
    noted(folder)  # its lock ended with it
    assert folder.driver.driving() is None


def test_a_process_that_holds_the_lock_and_has_not_noted_itself_is_starting(folder: StudyFolder) -> None:
    noted(folder, started="of one that was killed")
    with held(folder.path / ".lock", "", ""):
        assert folder.driver.driving() == ("starting", None)
        assert folder.is_driven


def test_of_a_driver_on_another_machine_it_is_unknown_whether_it_runs(folder: StudyFolder) -> None:
    noted(folder, **ELSEWHERE)
    driving = folder.driver.driving()
    assert driving is not None
    assert driving.state == "unknown"
    assert driving.driver is not None
    assert driving.driver.host == "far"
    assert not folder.is_driven  # the lease in its database decides
    noted(folder, **ELSEWHERE, ended_ms=2_000)
    assert folder.driver.driving() is None


def test_one_who_only_prepares_does_not_overwrite_a_driver_elsewhere(folder: StudyFolder) -> None:
    noted(folder, **ELSEWHERE)
    with folder.driven():
        assert folder.driver.note.read().host == "far"
        folder.driver.confirm(trials=3)  # it holds the lease now
        assert folder.driver.note.read().identity == ProcessIdentity.own()


def test_a_note_of_another_process_is_not_changed(folder: StudyFolder) -> None:
    noted(folder, **ELSEWHERE)
    folder.driver.change(machines=("a", "b"))
    assert folder.driver.note.read().machines == ()
    noted(folder)
    folder.driver.change(machines=("a", "b"))
    assert folder.driver.note.read().machines == ("a", "b")


def test_a_damaged_note_is_replaced(folder: StudyFolder) -> None:
    folder.driver.note.path.write_text("{")
    with folder.driven():
        assert folder.driver.note.read().identity == ProcessIdentity.own()
