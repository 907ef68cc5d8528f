"""What commands show while they work: lines for the user, and how far they have come."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from study.machine.background import background

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import RenderableType

Say = Callable[[str], None]  # receives lines for the user: `say`, or what a caller from Python passes

PIPE_CLOSED = 141  # exit code: 128 and the number of SIGPIPE, which ends other tools
STEP_EVERY_S = 10.0  # between two lines on a step, without a terminal
VIEW_EVERY_S = 300.0  # between two lines on a study, without a terminal


def say(text: str) -> None:
    """Print to standard output at once, so that a log file follows a long study.

    Raises:
        SystemExit: nobody reads on (`… | head`). In another thread than the main one, that one is interrupted.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the end of Python tries again
        if threading.current_thread() is not threading.main_thread():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return
        raise SystemExit(PIPE_CLOSED) from None


class Step:
    """One step of a command, such as reading all subjects; it begins when this is made.

    Args:
        what: is done.
        clock: a monotonic clock.
    """

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.what = what
        self._clock, self._began_s = clock, clock()

    def left(self, done: int, total: int) -> str:
        """The time that the others take at the pace of those that are done, in words; "" after the last one."""
        if done >= total:
            return ""
        return f"{about((self._clock() - self._began_s) / done * (total - done))} left"


class View(Protocol):
    """Something that changes while a command works, such as a study."""

    def line(self) -> str | None:
        """It as one line; None as long as there is nothing to tell."""
        ...

    def drawn(self, height: int) -> RenderableType:
        """It as a picture of at most so many lines for a terminal."""
        ...


class Show(Protocol):
    """Where a command shows what it does; may be used from several threads."""

    def say(self, text: str) -> None:
        """Show lines to the user."""
        ...

    def warn(self, text: str) -> None:
        """Show a warning."""
        ...

    def progress(self, what: str, done: int, total: int) -> None:
        """Show how far a step has come; a `study.machine.progress.Progress`."""
        ...

    def live(self, view: View) -> AbstractContextManager[None]:
        """Keep a view in sight while the block runs."""
        ...


class Lines:
    """Shows everything line by line, for a log file or a caller from Python.

    Args:
        say: receives the lines.
        clock: a monotonic clock.
    """

    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self.say = say
        self._clock = clock
        self._step = Step("", clock)
        self._told_s = 0.0

    def warn(self, text: str) -> None:
        """Print a warning to standard error."""
        sys.stderr.write(f"{text}\n")

    def progress(self, what: str, done: int, total: int) -> None:
        """A line at most every ten seconds; nothing of a step that is shorter."""
        if done == 0:
            self._step, self._told_s = Step(what, self._clock), self._clock()
        elif self._clock() - self._told_s >= STEP_EVERY_S:
            self._told_s = self._clock()
            self.say(", ".join(filter(None, [f"  {what}: {done} of {total}", self._step.left(done, total)])))

    @contextmanager
    def live(self, view: View) -> Iterator[None]:
        """A line every few minutes, if it differs from the one before."""

        def work(closed: threading.Event) -> None:
            told = None
            while not closed.wait(VIEW_EVERY_S):
                if (line := view.line()) is not None and line != told:
                    told = line
                    self.say(line)

        with background(work, "view"):
            yield


@contextmanager
def shown() -> Iterator[Show]:
    """Where a command shows what it does: a terminal that can move its cursor, or line by line."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb").casefold() in ("dumb", "unknown"):
        yield Lines(say)
        return
    from study.commandline.screen import Screen

    screen = Screen()
    try:
        yield screen
    finally:
        screen.close()


def about(seconds: float) -> str:
    """A duration that is only estimated, in words: `about 3 min`."""
    return f"about {duration(seconds)}"


def duration(seconds: float) -> str:
    """A duration with the two units that matter: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
