"""The availability subsets that `type: subsets` lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from study.config import join_modalities

__all__ = ["availability_subsets"]


def availability_subsets(
    modalities: Sequence[str], droppable: Sequence[str], subsets: Literal["droppable", "all"]
) -> tuple[str, ...]:
    """Every availability subset that is evaluated, named as in `model.inputs`, the largest first.

    Args:
        modalities: `cohort.modalities`.
        droppable: `modality_dropout.droppable`.
        subsets: `evaluation.subsets`. `droppable`: all modalities, and all but a droppable one in turn; `all`: every
            subset that is not empty.
    """
    if subsets == "all":
        removed = [set(some) for size in range(len(modalities)) for some in combinations(modalities, size)]
    else:
        removed = [set(), *({name} for name in droppable if len(modalities) > 1)]
    return tuple(join_modalities([name for name in modalities if name not in some]) for some in removed)
