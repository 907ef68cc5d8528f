"""What commands show while they work, line by line."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from rich.console import RenderableType

from study.commandline import progress
from study.commandline.progress import Lines, Step, duration, shown


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Counter:
    """A view that changes at each second look, and has nothing to tell at first."""

    def __init__(self, lines: int) -> None:
        told = [None, *(f"line {number // 2}" for number in range(2 * lines))]
        self._lines: Iterator[str | None] = iter(told)
        self.over = threading.Event()

    def line(self) -> str | None:
        try:
            return next(self._lines)
        except StopIteration:
            self.over.set()
            return None

    def drawn(self, height: int) -> RenderableType:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),  # 1.5, rounded to even
        (3600, "60 min"),
        (5399, "1 h 30 min"),
        (12_000, "3 h 20 min"),
        (47.4 * 3600, "47 h 24 min"),
        (49 * 3600, "2 d 1 h"),
        (10 * 86400, "10 d 0 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_time_left_follows_from_the_pace_so_far() -> None:
    clock = Clock()
    step = Step("reading", clock)
    clock.now_s += 30
    assert step.left(3, 12) == "about 2 min left"  # ten seconds each, nine to do
    assert step.left(12, 12) == ""


def test_a_long_step_is_told_of_every_ten_seconds_and_a_short_one_not_at_all() -> None:
    said: list[str] = []
    clock = Clock()
    lines = Lines(said.append, clock)
    for done in range(5):
        lines.progress("short", done, 4)
    for done in range(9):
        lines.progress("long", done, 8)
        clock.now_s += 4
    assert said == [
        "  long: 3 of 8, about 20 s left",
        "  long: 6 of 8, about 8 s left",
    ]


def test_a_view_is_told_of_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "VIEW_EVERY_S", 0.001)
    said: list[str] = []
    view = Counter(3)
    with Lines(said.append).live(view):
        assert view.over.wait(60)
    assert said == ["line 0", "line 1", "line 2"]


def test_a_warning_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Lines([].append).warn("WARNING hot")
    assert capsys.readouterr() == ("", "WARNING hot\n")


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with shown() as show:
        show.say("[bold]as it is[/bold]")
    assert isinstance(show, Lines)
    assert capsys.readouterr().out == "[bold]as it is[/bold]\n"
