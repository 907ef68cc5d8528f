"""What goes to the user, and what to the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from study.commandline.progress import Lines
from study.errors import CohortError, Problem, StudyError
from study.records import StudyFolder
from study.workflow.logbook import Logbook, logbook

HIDDEN = (logging.INFO, "details of Ray")


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = StudyFolder(tmp_path, "s")
    folder.path.mkdir()
    return folder


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else handles Python's logging, as in a command."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = handlers


def logged(folder: StudyFolder) -> list[str]:
    return [line.split(" ", 2)[2] for line in folder.log.path.read_text().splitlines()]


def run(folder: StudyFolder, error: BaseException | None = None) -> list[str]:
    """A command that says and logs something, and may end with an error; what the user has seen of it."""
    said: list[str] = []
    with alone(), suppress(BaseException), logbook(folder, Lines(said.append)) as book:
        work(book)
        if error is not None:
            raise error
    return said


def work(book: Logbook) -> None:
    book.say("before\n  and more\n")
    book.begin()
    logging.getLogger("study.tuning.home").info("trial 3: a detail")
    logging.getLogger("study.tuning.home").warning("trial 3: too hot")
    logging.getLogger("others").info("a detail of others")
    logging.getLogger("others").warning("a warning of others")


def test_what_is_said_is_logged_and_warnings_are_shown(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder) == ["before\n  and more\n"]
    assert capsys.readouterr().err.splitlines() == ["WARNING trial 3: too hot", "WARNING a warning of others"]
    assert logged(folder) == [
        "INFO before",
        "INFO   and more",
        "INFO trial 3: a detail",
        "WARNING trial 3: too hot",
        "WARNING a warning of others",
    ]


def test_logging_is_left_as_it_was(folder: StudyFolder) -> None:
    root, package = logging.getLogger(), logging.getLogger("study")
    before = root.handlers[:], package.level
    run(folder, KeyError())
    assert (root.handlers, package.level) == before
    size = folder.log.path.stat().st_size
    package.warning("afterwards")
    assert folder.log.path.stat().st_size == size


def test_a_caller_who_handles_logging_is_not_shown_warnings_twice(
    folder: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with logbook(folder, Lines([].append)) as book:  # the handlers of the tests are there
        work(book)
    assert capsys.readouterr().err == ""
    assert "WARNING trial 3: too hot" in logged(folder)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (StudyError("study.name: 's' exists"), "ERROR study.name: 's' exists"),
        (KeyboardInterrupt(), "ERROR interrupted; continue with resume=true"),
        (
            CohortError([Problem("Jane Doe", Path("/scans/jane.nii"), "unreadable", "replace it")]),
            "ERROR 1 problems with the scans; `python -m study.cohort check` lists them",
        ),
        (OSError(28, "No space left on device", "/scans/jane.nii"), "ERROR OSError: No space left on device"),
    ],
)
def test_the_error_that_ends_a_command_is_logged_without_names(
    folder: StudyFolder, error: BaseException, line: str
) -> None:
    if isinstance(error, KeyboardInterrupt):
        error.add_note("continue with resume=true")
    run(folder, error)
    assert logged(folder)[-1] == line


def test_an_error_of_ours_is_logged_with_the_place(folder: StudyFolder) -> None:
    run(folder, ZeroDivisionError("by Jane Doe"))
    text = folder.log.path.read_text()
    assert "in run" in text
    assert text.endswith("ZeroDivisionError\n")
    assert "Jane" not in text
