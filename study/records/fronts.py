"""Pareto fronts: which of several points no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["front_ranks"]


def front_ranks(points: Sequence[Sequence[float]]) -> list[int]:
    """The number of fronts in front of each point: 0 for those that no other one beats.

    A point beats another one that is nowhere better and somewhere worse (Deb et al. 2002, section III A).

    Args:
        points: values without nan, of which higher ones are better; all of one length.
    """
    import numpy as np

    values = np.array(points, dtype=np.float64).reshape(len(points), -1)
    ranks = np.zeros(len(points), dtype=np.intp)
    remaining, rank = np.arange(len(points)), 0
    while remaining.size:
        left = values[remaining]
        beaten = np.zeros(remaining.size, np.bool_)
        for point in left:
            beaten |= (left <= point).all(1) & (left < point).any(1)
        ranks[remaining] = rank
        remaining, rank = remaining[beaten], rank + 1
    return [int(rank) for rank in ranks]
