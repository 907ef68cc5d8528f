"""What samples ask of fresh brains: who is in a subject's place, and its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared
from study.streaming.making import BrainRecipe
from study.streaming.turns import FreshBrain, Turns


@dataclass(frozen=True)
class Stream:
    """The fresh brains of a training; sent to the processes that draw patches, each of which opens its own.

    Attributes:
        turns: which brain is shown when.
        recipe: of the brains.
        view: what the training's network sees of a prepared subject.
        processes: that make brains ahead.
    """

    turns: Turns
    recipe: BrainRecipe
    view: Callable[[Prepared], Prepared]
    processes: int
    _opened: dict[str, tuple[FreshBrain, Prepared]] = field(default_factory=dict, repr=False, compare=False)

    def brain(self, key: str, iteration: int) -> FreshBrain | None:
        """The brain in a subject's place at an iteration; None while the subject itself is there."""
        return self.turns.brain(key, iteration)

    def instead_of(self, subject: Prepared, iteration: int) -> Prepared:
        """What is shown in the place of a training subject at an iteration, which may be the subject itself.

        Raises:
            CacheError: the brain is not in the cache; see `study.streaming.supply`, which waits for it.
        """
        brain = self.brain(subject.key, iteration)
        if brain is None:
            return subject
        known = self._opened.get(subject.key)
        if known is None or known[0] != brain:
            facts = replace(subject.facts, key=brain.own_key)
            known = self._opened[subject.key] = (
                brain,
                self.view(open_prepared(self.recipe.entry(brain), facts)),
            )
        return known[1]

    def __getstate__(self) -> dict[str, Any]:
        """All but the opened brains, whose arrays would be sent voxel by voxel."""
        return {**self.__dict__, "_opened": {}}
