"""The log of a study: what its commands have said, with the time, across all of its runs."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import cast

from study.config import hide_passwords
from study.records.files import refuse_link

LARGEST_LOG = 10 * 1024**2  # bytes; the older lines are in one more file
WAITING = 1000  # lines that wait at most until there is a file
FRAMES = 30  # of a traceback, the innermost ones
FORMAT, TIME = "%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S%z"


class LogFile:
    """`study.log`, which its owner alone may read; older lines are in `study.log.1`.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def handler(self) -> LogHandler:
        """A handler of Python's logging that appends to the file once it has begun."""
        return LogHandler(self.path)


class LogHandler(RotatingFileHandler):
    """Keeps what is logged until `begin` is called, since a study has no folder before it is prepared."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LARGEST_LOG, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(_Formatter(FORMAT, TIME))
        self._waiting: list[logging.LogRecord] | None = []
        self._failed = False

    def begin(self) -> None:
        """Write what has waited, and from now on at once; the study's folder exists."""
        waiting, self._waiting = self._waiting or [], None
        for record in waiting:
            self.handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Write or keep a record."""
        if self._waiting is None:
            super().emit(record)
        elif len(self._waiting) < WAITING:
            self._waiting.append(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say once that the file cannot be written: the study goes on without it."""
        if not self._failed:
            self._failed = True
            sys.stderr.write(f"{self.baseFilename}: cannot be written ({sys.exc_info()[1]})\n")

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        refuse_link(path)
        private = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return cast(TextIOWrapper, os.fdopen(private, self.mode, encoding=self.encoding))


def trace_of(error: BaseException) -> str:
    """Where an error was raised, and its kind; not its text, which may name a subject or a file."""
    return f"{''.join(traceback.format_tb(error.__traceback__, -FRAMES))}{type(error).__name__}"


class _Formatter(logging.Formatter):
    """The default one, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        return hide_passwords(super().format(record))
