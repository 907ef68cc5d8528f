"""A database that is away for a while: which of its errors pass, and how long to wait."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from study.config import hide_passwords
from study.errors import StudyError

__all__ = ["DatabaseAwayError", "Patience", "first_line", "passes"]

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

BOUND_S = 600.0  # how long a database that went away is waited for
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 5.0
# https://www.sqlite.org/rescode.html: busy, locked, I/O error, full, cannot open
PASSING_SQLITE = frozenset({5, 6, 10, 13, 14})
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection lost, transaction rolled back by the
# server (deadlock), no resources left, server stopping or starting; ended by a timeout that we set
PASSING_POSTGRESQL = ("08", "40", "53", "57P", "25P03", "55P03", "57014")


class DatabaseAwayError(Exception):
    """An operation failed for a reason that passes; it may have been carried out nevertheless.

    Not an error of SQLAlchemy, so that Optuna passes it on: it would repeat an insertion whose answer was lost.
    """


def passes(error: BaseException, disconnected: bool = False) -> bool:
    """Whether an error of a database driver passes, so that the same operation may succeed later.

    Args:
        error: as the driver raised it.
        disconnected: whether SQLAlchemy recognised it as the end of the connection.
    """
    if not isinstance(error, Exception):  # Ctrl-C, which ends the connection as well
        return False
    sqlite = getattr(error, "sqlite_errorcode", None)
    if sqlite is not None:
        return sqlite & 0xFF in PASSING_SQLITE  # the upper bits tell details
    if disconnected:
        return True
    if not (hasattr(error, "sqlstate") or hasattr(error, "pgcode")):
        return False
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state is None:  # no answer of a server
        return type(error).__name__ == "OperationalError"
    return str(state).startswith(PASSING_POSTGRESQL)


class Patience:
    """Waits for a database that is away; writes one line to the log when it goes, and one when it is back.

    Threads may share it.

    Args:
        bound_s: how long an operation is repeated; None: `BOUND_S`.
        sleep: pauses for some seconds.
        clock: seconds since any moment.
    """

    def __init__(
        self,
        bound_s: float | None = None,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bound_s = BOUND_S if bound_s is None else bound_s
        self._sleep, self._clock = sleep, clock
        self._gone_since: float | None = None
        self._lock = threading.Lock()

    def insist(self, action: Callable[[bool], Result]) -> Result:
        """Carry out an operation, again and again while the database is away.

        After an interruption (Ctrl-C) by which a wait ends nothing is waited for any more.

        Args:
            action: the operation. Its argument is False at the first attempt; True says that an earlier attempt may
                have been carried out although its answer was lost.

        Raises:
            StudyError: the database stayed away.
        """
        begun: float | None = None
        pause_s = FIRST_PAUSE_S
        for attempt in itertools.count():
            try:
                result = action(attempt > 0)
            except DatabaseAwayError as error:
                begun = self._clock() if begun is None else begun
                self.went(error)
                if self._clock() + pause_s > begun + self._bound_s:
                    raise self._stayed_away(error) from None
                self._pause(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                break
        self.came_back()
        return result

    def went(self, error: DatabaseAwayError) -> None:
        """Note that the database does not answer."""
        with self._lock:
            if self._gone_since is None:
                self._gone_since = self._clock()
                logger.warning("the database is away (%s); the study waits for it", error)

    def came_back(self) -> None:
        """Note that the database has answered."""
        with self._lock:
            if self._gone_since is not None:
                logger.warning("the database is back after %.0f s", self._clock() - self._gone_since)
                self._gone_since = None

    def _pause(self, seconds: float) -> None:
        try:
            self._sleep(seconds)
        except KeyboardInterrupt:
            self._bound_s = 0.0
            raise

    def _stayed_away(self, error: DatabaseAwayError) -> StudyError:
        waited = f"was waited for {self._bound_s / 60:.0f} min" if self._bound_s else "is away"
        return StudyError(
            f"tuning.storage: the database {waited} ({error}); "
            "start it again, then continue with the same command and resume=true"
        )


def first_line(error: BaseException) -> str:
    """The first line of an error's text, without passwords."""
    lines = str(error).strip().splitlines()
    return hide_passwords(lines[0] if lines else type(error).__name__)
