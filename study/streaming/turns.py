"""Which brain takes whose place, and when: pure functions of the iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from study.cohort.records import Cohort, Splits
from study.config import Phantom
from study.errors import ConfigError

OF_SLOTS = 0x510  # distinguishes the generator of their order from those of phantoms with the same seed


@dataclass(frozen=True)
class FreshBrain:
    """A phantom that is not of the cohort: another brain, lesion and scanner in the place of one that is.

    Attributes:
        key: of the subject whose place it takes.
        phantom: that subject's name in the roster of phantoms, which says its center, kind, modalities and masks.
        generation: from 1, how often the place has been taken.
    """

    key: str
    phantom: str
    generation: int

    @property
    def own_key(self) -> str:
        """A name that no subject of the cohort has."""
        return f"{self.key}-fresh{self.generation}"


def choose_slots(cohort: Cohort, splits: Splits, phantom: Phantom) -> dict[str, str]:
    """The places that fresh brains take: the phantoms among the training subjects, each with its name in the roster.

    Places are taken in this order, which mixes the centers. There are none unless `cohort.phantom.stream` is set.

    Raises:
        ConfigError: it is set, and no training subject is a phantom.
    """
    if not phantom.stream:
        return {}
    names = {key: cohort[key].id for key in sorted(splits.train) if cohort[key].simulated}
    if not names:
        raise ConfigError(
            [
                "cohort.phantom.stream: fresh brains take the places of phantoms, and none of the training subjects "
                "is one; learn from a simulated center (cohort.unseen, cohort.seen), or set cohort.phantom.stream=false"
            ]
        )
    order = np.random.default_rng((phantom.seed, OF_SLOTS)).permutation(len(names))
    mixed = [list(names)[index] for index in order]
    return {key: names[key] for key in mixed}


@dataclass(frozen=True)
class Turns:
    """Brain number k takes place k modulo the number of places, from iteration (k + 1) · `every` on.

    Attributes:
        slots: the places, as `choose_slots` gives them.
        every: number of iterations.
    """

    slots: Mapping[str, str]
    every: int

    def brain(self, key: str, iteration: int) -> FreshBrain | None:
        """The brain in a subject's place at an iteration (0-based); None while the subject itself is there."""
        if key not in self._places:
            return None
        taken = self.taken(iteration) - self._places[key] - 1
        generation = taken // len(self._places) + 1
        return FreshBrain(key, self.slots[key], generation) if generation > 0 else None

    def taken(self, iteration: int) -> int:
        """How many brains have taken a place by an iteration."""
        return iteration // self.every

    @cached_property
    def _places(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self.slots)}
