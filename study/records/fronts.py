"""Pareto fronts: which of several points no other one beats."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["front_ranks"]


def front_ranks(points: Sequence[Sequence[float]]) -> list[int]:
    """The number of fronts in front of each point: 0 for those that no other one beats.

    A point beats another one that is nowhere better and somewhere worse (Deb et al. 2002, section III A). Gone through
    from the best in the first value on, a point is beaten by earlier ones only, and is of the first front in which none
    beats it; as those in front of that one all beat it, bisection finds it (Zhang et al. 2015, ENS-BS).

    Args:
        points: values without nan, of which higher ones are better; all of one length.
    """
    fronts: list[list[Sequence[float]]] = []
    ranks = [0] * len(points)
    for number in sorted(range(len(points)), key=lambda number: tuple(points[number]), reverse=True):
        point = points[number]
        rank = bisect_left(fronts, True, key=lambda front: not any(_beats(other, point) for other in front))
        if rank == len(fronts):
            fronts.append([])
        fronts[rank].append(point)
        ranks[number] = rank
    return ranks


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    at_least = all(mine >= theirs for mine, theirs in zip(one, other, strict=True))
    return at_least and any(mine > theirs for mine, theirs in zip(one, other, strict=True))
