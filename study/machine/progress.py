"""How far a long step has come, for whoever watches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Progress = Callable[[str, int, int], None]  # receives what is done, how many are done, and how many there are


def unwatched(what: str, done: int, total: int) -> None:
    """The progress of a step that nobody watches."""


def counted(items: Iterable[Item], total: int, what: str, progress: Progress) -> Iterator[Item]:
    """The items; `progress` is told at the beginning, and after each of them once the next one is asked for.

    Args:
        items: that something is done with, one after the other.
        total: number of the items.
        what: is done.
        progress: told how far it has come.
    """
    if total:
        progress(what, 0, total)
    for done, item in enumerate(items, 1):
        yield item
        progress(what, done, total)
