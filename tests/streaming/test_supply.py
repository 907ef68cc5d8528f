"""When brains are asked for, who waits for them, and what an error of who makes them becomes. No process is started."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from stream_cases import put, stream_in

from study.errors import CohortError, Problem, ProducerError, TrainingError
from study.streaming import supply as supplying_module
from study.streaming.making import make_brain
from study.streaming.stream import Stream
from study.streaming.supply import Supply
from study.streaming.turns import FreshBrain


def brain(number: int) -> FreshBrain:
    return FreshBrain("a", "sub-a", number)


class Kitchen:
    """Stands for the processes: does what it is asked for when `serve` is called, or when its result is."""

    def __init__(self, cook: Callable[[FreshBrain], None] = lambda one: None) -> None:
        self.asked: list[int] = []
        self._cook = cook

    def submit(self, function: Callable[..., bool], *arguments: Any) -> Future[bool]:
        assert function is make_brain
        ordered = arguments[1]
        self.asked.append(ordered.generation)
        return Served(lambda: self._cook(ordered))


class Served(Future[bool]):
    """A result that is there once it is asked for."""

    def __init__(self, cook: Callable[[], None]) -> None:
        super().__init__()
        self.cook = cook

    def result(self, timeout: float | None = None) -> bool:
        self.cook()
        return True


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return stream_in(tmp_path, {"a": "sub-a"}, every=1)


def supply_of(stream: Stream, needs: list[set[int]], kitchen: Kitchen) -> Supply:
    return Supply(stream, [{brain(number) for number in one} for one in needs], kitchen)  # type: ignore[arg-type]


def test_brains_are_asked_for_in_the_order_of_need_each_once(stream: Stream) -> None:
    kitchen = Kitchen()
    supply = supply_of(stream, [set(), {1}, {1}, {2}, {1, 3}, {2}], kitchen)
    for _ in range(6):
        supply.wait_for_next()
    assert kitchen.asked == [1, 2, 3]


def test_not_too_many_are_asked_for_ahead(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supplying_module, "AHEAD", 3)
    kitchen = Kitchen()
    supply = supply_of(stream, [{number} for number in range(1, 11)], kitchen)
    ahead = []
    for _ in range(10):
        supply.wait_for_next()
        ahead.append(len(kitchen.asked))
    assert ahead == [3, 4, 5, 6, 7, 8, 9, 10, 10, 10]


def test_one_looks_ahead_over_so_many_batches(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supplying_module, "FARTHEST", 4)
    kitchen = Kitchen()
    supply = supply_of(stream, [set(), set(), set(), set(), {1}], kitchen)
    supply.wait_for_next()
    assert kitchen.asked == []
    supply.wait_for_next()
    assert kitchen.asked == [1]


def test_what_is_in_the_cache_is_not_asked_for(stream: Stream) -> None:
    put(stream, brain(1), 1)
    kitchen = Kitchen()
    supply = supply_of(stream, [{1}, {2}], kitchen)
    supply.wait_for_next()
    supply.wait_for_next()
    assert kitchen.asked == [2]


def test_a_batch_is_held_until_its_brains_are_there(stream: Stream) -> None:
    kitchen = Kitchen(lambda ordered: put(stream, ordered, ordered.generation))
    supply = supply_of(stream, [{1, 2}, {3}], kitchen)
    assert not stream.recipe.entry(brain(1)).is_dir()
    supply.wait_for_next()
    assert [stream.recipe.entry(brain(number)).is_dir() for number in (1, 2, 3)] == [True, True, False]
    assert supply.waited_s > 0


def raises(error: Exception) -> Callable[[FreshBrain], None]:
    def cook(ordered: FreshBrain) -> None:
        raise error

    return cook


FAULTY = CohortError([Problem("sub-a", Path("/tmp/x.nii.gz"), "DWI has only 1 different values", "give it")])


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            BrokenProcessPool("x"),
            ProducerError,
            r"stream_processes: one of 1 processes .* died, .* resume=true",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "/cache/x"),
            ProducerError,
            "could not be made .*No space left on device: '/cache/x'.*resume=true",
        ),
        (MemoryError(), ProducerError, r"could not be made \(MemoryError\)"),
        (FAULTY, TrainingError, r"brain 1 in the place of a cannot be used \(DWI has only 1 .*phantom.seed"),
    ],
)
def test_a_failure_is_raised_when_its_brain_is_needed(
    stream: Stream, error: Exception, kind: type[Exception], words: str
) -> None:
    supply = supply_of(stream, [set(), {1}], Kitchen(raises(error)))
    supply.wait_for_next()
    with pytest.raises(kind, match=words):
        supply.wait_for_next()


def test_a_mistake_in_the_code_stays_what_it_is(stream: Stream) -> None:
    with pytest.raises(ZeroDivisionError):
        supply_of(stream, [{1}], Kitchen(raises(ZeroDivisionError()))).wait_for_next()


def test_processes_that_are_gone_are_told_even_if_nobody_waits_for_them(stream: Stream) -> None:
    class Closed(Kitchen):
        def submit(self, function: Callable[..., bool], *arguments: Any) -> Future[bool]:
            raise BrokenProcessPool("gone")

    with pytest.raises(ProducerError, match="died"):
        supply_of(stream, [set(), {1}], Closed()).wait_for_next()
