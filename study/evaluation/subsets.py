"""Availability subsets: which modalities a network is given of one subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal


@dataclass(frozen=True)
class Subset:
    """Some of the modalities that a subject has.

    Attributes:
        present: per modality of the cohort, in its order, whether the network is given it.
        removed: what the subject has and the network is not given, `B0` or `ADC+B0`; empty with all it has.
        name: what the network is given, `DWI+ADC`.
    """

    present: tuple[bool, ...]
    removed: str
    name: str


def subsets_of(
    present: Sequence[bool],
    modalities: Sequence[str],
    droppable: Collection[str],
    kind: Literal["droppable", "all"],
) -> list[Subset]:
    """All that a subject has first, then with modalities removed; never nothing.

    Args:
        present: per modality whether the subject has it.
        modalities: the cohort's, in its order.
        droppable: modalities that are removed, each in turn, with kind `droppable`.
        kind: `all` gives every non-empty subset, from the largest to single modalities.

    Raises:
        ValueError: the subject has no modality.
    """
    owned = [name for name, there in zip(modalities, present, strict=True) if there]
    if not owned:
        raise ValueError(f"a subject must have at least one of {', '.join(modalities)}, got none")
    if kind == "all":
        taken = [gone for size in range(len(owned)) for gone in combinations(owned, size)]
    else:
        taken = [(), *((name,) for name in owned if name in droppable and len(owned) > 1)]
    return [_without(owned, modalities, gone) for gone in taken]


def _without(owned: Sequence[str], modalities: Sequence[str], gone: Collection[str]) -> Subset:
    left = [name for name in owned if name not in gone]
    return Subset(tuple(name in left for name in modalities), "+".join(gone), "+".join(left))
