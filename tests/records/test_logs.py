"""The log of a study."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.records import StudyFolder, logs
from study.records.logs import LogHandler, trace_of


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path, "s")


@pytest.fixture
def handler(folder: StudyFolder) -> Iterator[LogHandler]:
    handler = folder.log.handler()
    yield handler
    handler.close()


def log(handler: LogHandler, text: str) -> None:
    handler.handle(logging.LogRecord("study", logging.INFO, "", 0, text, None, None))


def test_lines_wait_until_there_is_a_folder(folder: StudyFolder, handler: LogHandler) -> None:
    log(handler, "first")
    assert not folder.path.exists()
    folder.path.mkdir()
    handler.begin()
    log(handler, "second")
    lines = folder.log.path.read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO first", "INFO second"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} ", line) for line in lines)


def test_a_study_that_never_has_a_folder_has_no_log(folder: StudyFolder, handler: LogHandler) -> None:
    for number in range(logs.WAITING + 1):
        log(handler, str(number))
    handler.close()
    assert not folder.path.exists()


def test_its_owner_alone_reads_it_and_runs_follow_each_other(folder: StudyFolder) -> None:
    folder.path.mkdir()
    for text in ("one run", "another run"):
        handler = folder.log.handler()
        handler.begin()
        log(handler, text)
        handler.close()
    assert folder.log.path.stat().st_mode & 0o777 == 0o600
    assert [line.rpartition("INFO ")[2] for line in folder.log.path.read_text().splitlines()] == [
        "one run",
        "another run",
    ]


def test_passwords_do_not_get_into_it(folder: StudyFolder, handler: LogHandler) -> None:
    folder.path.mkdir()
    handler.begin()
    log(handler, "postgresql://me:secret@host/db is away")
    assert "secret" not in folder.log.path.read_text()
    assert "host/db is away" in folder.log.path.read_text()


def test_a_log_does_not_grow_for_ever(folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST_LOG", 1000)
    folder.path.mkdir()
    handler = folder.log.handler()
    handler.begin()
    for number in range(100):
        log(handler, f"line {number}")
    handler.close()
    files = sorted(path for path in folder.path.iterdir())
    assert [path.name for path in files] == ["study.log", "study.log.1"]
    assert all(path.stat().st_size <= 1000 for path in files)
    assert "line 99" in files[0].read_text()


def test_a_link_is_not_written_through(
    folder: StudyFolder, handler: LogHandler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.path.mkdir()
    target = tmp_path / "elsewhere"
    target.write_text("")
    folder.log.path.symlink_to(target)
    handler.begin()
    for _ in range(2):
        log(handler, "a line")
    assert target.read_text() == ""
    assert capsys.readouterr().err.count("cannot be written") == 1


def test_a_traceback_says_where_and_what_and_not_about_whom() -> None:
    try:
        raise ValueError("Jane Doe's scan")
    except ValueError as error:
        trace = trace_of(error)
    assert "test_logs.py" in trace
    assert trace.endswith("\nValueError")
    assert "Jane" not in trace.replace('raise ValueError("Jane Doe\'s scan")', "")  # the source line itself
