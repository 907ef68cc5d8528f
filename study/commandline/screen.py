"""A terminal: what changes stays at its lower end, and what is said scrolls above it. Imports rich."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from study.commandline.progress import Step, View
from study.machine.background import background

__all__ = ["Screen"]

logger = logging.getLogger(__name__)

DRAW_EVERY_S = 1.0


class Screen:
    """A `Show` on a terminal that can move its cursor. What is shown is lost, and nothing else, if that goes away.

    Args:
        console: None for standard output.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._step: Step | None = None
        self._bar: Progress | None = None
        self._gone = False
        self._lock = threading.RLock()

    def say(self, text: str) -> None:
        """Print lines above whatever is live."""
        with self._drawing():
            self._console.print(Text(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning to standard error; above whatever is live if that is a terminal, too."""
        if sys.stderr.isatty():
            self.say(text)
        else:
            sys.stderr.write(f"{text}\n")

    def progress(self, what: str, done: int, total: int) -> None:
        """A bar with counts and the time left, which disappears with the last item."""
        with self._drawing():
            if done == 0:
                self._begin_bar(what, total)
            elif self._bar is None or self._step is None or done >= total:
                self._end_bar()
            else:
                left = self._step.left(done, total)
                self._bar.update(self._bar.task_ids[0], completed=done, left=left, refresh=True)

    @contextmanager
    def live(self, view: View) -> Iterator[None]:
        """Draw a view every second at the lower end of the terminal; it disappears with the block."""
        to_errors = sys.stderr.isatty()
        live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stderr=to_errors)

        def draw(closed: threading.Event) -> None:
            while not self._gone:
                picture = view.drawn(self._console.size.height - 1)
                with self._drawing():
                    live.update(picture, refresh=True)
                if closed.wait(DRAW_EVERY_S):
                    return

        try:
            with self._drawing():
                live.start()
                self._console.show_cursor(True)  # else it is lost with a process that is killed
            with background(draw, "screen"):
                yield
        finally:
            with self._drawing():
                live.stop()

    def close(self) -> None:
        """Leave the terminal clean, whatever has ended the command."""
        with self._drawing():
            self._end_bar()

    def _begin_bar(self, what: str, total: int) -> None:
        self._end_bar()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} of {task.total}"),
        )
        self._bar = Progress(
            *columns,
            TextColumn("{task.fields[left]}"),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._step = Step(what)
        self._bar.start()
        self._bar.add_task(what, total=total, left="")
        self._bar.refresh()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Draw from one thread at a time, and stop drawing once the terminal is gone."""
        with self._lock:
            try:
                yield
            except OSError as error:
                if not self._gone:
                    self._gone = True
                    logger.warning("the terminal is gone (%s); the work goes on without it", error.strerror)
