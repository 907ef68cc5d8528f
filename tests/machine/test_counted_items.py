"""How far a step has come."""

from __future__ import annotations

import pytest

from study.machine.processes import map_processes
from study.machine.progress import counted

Told = list[tuple[str, int, int]]


def negative(number: int) -> int:
    return -number


@pytest.fixture
def told() -> Told:
    return []


def test_an_item_is_done_when_the_next_one_is_asked_for(told: Told) -> None:
    items = counted("ab", 2, "reading", lambda *step: told.append(step))
    assert next(items) == "a"
    assert told == [("reading", 0, 2)]
    assert next(items) == "b"
    assert told == [("reading", 0, 2), ("reading", 1, 2)]
    assert list(items) == []
    assert told == [("reading", 0, 2), ("reading", 1, 2), ("reading", 2, 2)]


def test_nothing_is_told_of_no_items(told: Told) -> None:
    assert list(counted([], 0, "reading", lambda *step: told.append(step))) == []
    assert told == []


@pytest.mark.parametrize(
    "items", [pytest.param(range(2), id="alone"), pytest.param(range(5), marks=pytest.mark.slow, id="pool")]
)
def test_mapping_tells_of_each_item(items: range, told: Told) -> None:
    found = map_processes(negative, items, "turning", lambda *step: told.append(step))
    assert found == [-item for item in items]
    assert told == [("turning", done, len(items)) for done in range(len(items) + 1)]
