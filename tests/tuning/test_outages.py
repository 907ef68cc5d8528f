"""Which errors of a database pass, and how it is waited for; without a database."""

from __future__ import annotations

import logging
import sqlite3

import pytest

from study.errors import StudyError
from study.tuning.outages import DatabaseAwayError, Patience, passes


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says")
    error.sqlite_errorcode = code  # type: ignore[misc]
    return error


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_IOERR, True),
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_ERROR, False),  # a mistake in a statement
        (sqlite3.SQLITE_READONLY, False),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_CONSTRAINT, False),
    ],
)
def test_errors_of_sqlite_that_pass(code: int, expected: bool) -> None:
    assert passes(sqlite_error(code)) is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("57P01", True),  # the server is stopped
        ("57P03", True),  # it is starting
        ("53300", True),  # too many connections
        ("53100", True),  # disk full
        ("40P01", True),  # deadlock
        ("08006", True),  # connection lost
        ("25P03", True),  # paused within a transaction for too long
        ("55P03", True),  # a lock was not free in time
        ("42P01", False),  # no such table
        ("42501", False),  # not permitted
        ("23505", False),  # a key exists
        ("22003", False),  # a number is out of range
    ],
)
def test_errors_of_postgresql_that_pass(state: str, expected: bool) -> None:
    errors = pytest.importorskip("psycopg.errors")
    assert passes(errors.lookup(state)("as PostgreSQL says")) is expected


def test_an_error_without_an_answer_of_the_server_passes() -> None:
    psycopg = pytest.importorskip("psycopg")
    assert passes(psycopg.OperationalError("connection refused"))
    assert not passes(psycopg.ProgrammingError("bad URL"))
    assert passes(psycopg.InterfaceError("the connection is closed"), disconnected=True)
    assert not passes(ValueError("of our own"))


def test_an_interruption_is_no_error_of_the_database() -> None:
    assert not passes(
        KeyboardInterrupt(), disconnected=True
    )  # SQLAlchemy reports it as the end of the connection


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def away_until(clock: Clock, moment: float) -> tuple[Patience, list[bool]]:
    """A patience of 60 s, after reaching a database that is away until a moment, and the attempts that it took."""
    attempts: list[bool] = []

    def action(again: bool) -> str:
        attempts.append(again)
        if clock.now < moment:
            raise DatabaseAwayError("connection refused")
        return "answer"

    patience = Patience(60.0, clock.sleep, lambda: clock.now)
    assert patience.insist(action) == "answer"
    return patience, attempts


def test_it_is_waited_for_with_two_lines_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        _, attempts = away_until(clock, 112.0)
    assert attempts[0] is False
    assert len(attempts) > 3
    assert all(attempts[1:])
    assert max(clock.slept) == 5.0
    gone, back = caplog.messages
    assert gone == "the database is away (connection refused); the study waits for it"
    assert back == f"the database is back after {clock.now - 100:.0f} s"


def test_it_is_waited_for_with_a_bound() -> None:
    clock = Clock()
    with pytest.raises(
        StudyError, match=r"waited for 1 min \(connection refused\); start it again.*resume=true"
    ):
        away_until(clock, 100.0 + 3600.0)
    assert 50 < clock.now - 100 <= 60


def test_nothing_is_waited_for_after_an_interruption() -> None:
    clock = Clock()

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    patience = Patience(60.0, interrupt, lambda: clock.now)

    def action(again: bool) -> None:
        raise DatabaseAwayError("connection refused")

    with pytest.raises(KeyboardInterrupt):
        patience.insist(action)
    with pytest.raises(StudyError, match="is away"):
        patience.insist(action)
