"""What is said to the user goes to the study's log, too, and so do warnings and errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from study.commandline.progress import Show, View
from study.errors import CohortError, FadeoutError
from study.records import StudyFolder
from study.records.logs import trace_of

if TYPE_CHECKING:
    from study.records.logs import LogHandler

PACKAGE = "study"  # the logger of all modules; its details go to the log only
FORMAT = "%(levelname)s %(message)s"


class Logbook:
    """A `Show` that also writes what it is told to the study's log.

    Args:
        show: where the user sees it.
        handler: of the log.
    """

    def __init__(self, show: Show, handler: LogHandler) -> None:
        self._show, self._handler = show, handler
        self.progress = show.progress
        self.warn = show.warn

    def begin(self) -> None:
        """Write to the file from now on, as the study's folder exists."""
        self._handler.begin()

    def say(self, text: str) -> None:
        """Show lines to the user, and log them."""
        self._show.say(text)
        for line in text.strip("\n").splitlines():
            self.note(line)

    def live(self, view: View) -> AbstractContextManager[None]:
        """Keep a view in sight while the block runs; it is not logged."""
        return self._show.live(view)

    def note(self, text: str, level: int = logging.INFO) -> None:
        """Log lines without showing them."""
        self._handler.handle(logging.LogRecord(PACKAGE, level, "", 0, text, None, None))


@contextmanager
def logbook(folder: StudyFolder, show: Show) -> Iterator[Logbook]:
    """Log what happens in the block, warnings of all packages and the error that ends it included.

    Warnings are shown to the user as well, unless the caller handles Python's logging by itself.
    """
    root, package = logging.getLogger(), logging.getLogger(PACKAGE)
    file, screen = folder.log.handler(), _Shown(show)
    added: list[logging.Handler] = [file] if root.handlers else [file, screen]
    level = package.level
    for handler in added:
        root.addHandler(handler)
    package.setLevel(logging.INFO)
    book = Logbook(show, file)
    try:
        yield book
    except BaseException as error:
        book.note(reason(error), logging.ERROR)
        raise
    finally:
        package.setLevel(level)
        for handler in added:
            root.removeHandler(handler)
            handler.close()


def reason(error: BaseException) -> str:
    """Why a command ends, for the log: without names of subjects and their files, which the user sees elsewhere."""
    if isinstance(error, KeyboardInterrupt):
        return "; ".join(["interrupted", *getattr(error, "__notes__", ())])
    if isinstance(error, CohortError):
        return f"{len(error.problems)} problems with the scans; `python -m study.cohort check` lists them"
    if isinstance(error, FadeoutError):
        return str(error)
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error.strerror}"
    return trace_of(error)


class _Shown(logging.Handler):
    """Shows warnings to the user."""

    def __init__(self, show: Show) -> None:
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter(FORMAT))
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._show.warn(self.format(record))
        except OSError:  # the terminal or the pipe is gone
            self.handleError(record)
