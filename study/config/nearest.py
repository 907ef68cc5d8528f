"""The nearest right name for one that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches

__all__ = ["VERY_ALIKE", "did_you_mean", "nearest", "no_such_key"]

ALIKE = 0.7  # difflib's ratio; one letter more, less or other in a word of four passes
VERY_ALIKE = 0.8
HARDLY = 0.5  # below it, the last parts of two paths are different words, however long what they share is


def nearest(given: str, names: Iterable[str], alike: float = ALIKE) -> str | None:
    """The name that was probably meant; None if none is alike.

    Case is ignored. Of a dotted path the last part alone may be given (`epochs`), or with a wrong section.
    """
    by_folded = {name.casefold(): name for name in reversed(list(names))}
    folded = given.casefold()
    same_last = [name for name in by_folded if _last(name) == _last(folded)]
    close = [
        name for name in get_close_matches(folded, by_folded, 5, alike) if _ratio(name, folded) >= HARDLY
    ]
    if near := get_close_matches(folded, same_last, 1, 0.0) or close:
        return by_folded[near[0]]
    by_last = {_last(name): name for name in by_folded}
    near = get_close_matches(_last(folded), by_last, 1, alike)
    return by_folded[by_last[near[0]]] if near else None


def did_you_mean(given: str, names: Iterable[str]) -> str:
    """The end of a message about a wrong name: `; did you mean trainer.epochs?`, or nothing."""
    near = nearest(given, names)
    return f"; did you mean {near}?" if near else ""


def no_such_key(legal: Sequence[str], where: str, given: str) -> str:
    """What is wrong with a key that a section does not have: the nearest one, or all that it has."""
    return f"no such key{did_you_mean(given, legal) or f'; {where} has ' + ', '.join(legal)}"


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, _last(one), _last(other)).ratio()


def _last(name: str) -> str:
    return name.rpartition(".")[2]
