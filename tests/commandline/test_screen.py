"""A terminal, as text with control characters."""

from __future__ import annotations

import io
import logging
import re
import threading

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from study.commandline.screen import Screen

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A terminal that can go away."""

    gone = False

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError(5, "Input/output error")
        return super().write(text)

    def shown(self) -> str:
        """All that was ever shown."""
        return CONTROL.sub("", self.getvalue())


class Once:
    """A view that says when it has been drawn."""

    def __init__(self, text: str) -> None:
        self.drawn_once = threading.Event()
        self.heights: list[int] = []
        self._text = text

    def line(self) -> str | None:
        raise NotImplementedError

    def drawn(self, height: int) -> RenderableType:
        if self.heights:
            self.drawn_once.set()  # the picture before has been drawn
        self.heights.append(height)
        return Text(self._text)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def screen(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setattr("study.commandline.screen.DRAW_EVERY_S", 0.001)
    return Screen(Console(file=terminal, force_terminal=True, width=80, height=20, highlight=False))


def test_what_is_said_is_shown_as_it_is(screen: Screen, terminal: Terminal) -> None:
    screen.say("a line [red] with brackets, " + "longer than the terminal is wide, " * 3)
    assert (
        terminal.shown() == "a line [red] with brackets, " + "longer than the terminal is wide, " * 3 + "\n"
    )


def test_a_step_is_a_bar_that_disappears(screen: Screen, terminal: Terminal) -> None:
    for done in range(4):
        screen.progress("reading subjects", done, 3)
    assert "reading subjects" in terminal.shown()
    assert "0 of 3" in terminal.shown()
    assert re.search(r"2 of 3 about \d+ s left", terminal.shown())
    assert "3 of 3" not in terminal.shown()
    assert terminal.getvalue().rstrip("\r").endswith("\x1b[2K")  # the line is erased


def test_a_view_is_drawn_below_what_is_said(screen: Screen, terminal: Terminal) -> None:
    view = Once("the study")
    with screen.live(view):
        assert view.drawn_once.wait(60)
        screen.say("trial 3 has ended")
    assert set(view.heights) == {19}
    shown = terminal.shown()
    assert shown.index("the study") < shown.index("trial 3 has ended") < shown.rindex("the study")
    assert "\x1b[?25l" not in terminal.getvalue().rpartition("\x1b[?25h")[2]  # the cursor is back


def test_a_terminal_that_goes_away_ends_nothing(
    screen: Screen, terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    view, worked = Once("the study"), []
    with caplog.at_level(logging.WARNING), screen.live(view):
        assert view.drawn_once.wait(60)
        terminal.gone = True
        screen.say("not heard")
        screen.progress("reading", 0, 2)
        worked.append(True)
    screen.close()
    assert worked
    assert caplog.messages == ["the terminal is gone (Input/output error); the work goes on without it"]
