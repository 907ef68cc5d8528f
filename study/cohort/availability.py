"""Availability subsets: which modalities a network is given of one subject.

Words that mean one thing each, everywhere:

=========  =====================================================================================
present    the subject has the modality (or its stand-in)
given      the network sees the modality now
removed    the subject has the modality; the evaluation takes it away
withheld   the subject has the modality; an independent model (`model.inputs`) never takes it
dropped    faded in training by modality dropout
stand-in   another sequence in the place of an absent modality (`cohort.modality_aliases`)
=========  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from study.config import join_modalities


@dataclass(frozen=True)
class Availability:
    """What a network is given of one subject.

    Attributes:
        modalities: all inputs of the network, in its order.
        given: those that it sees, in the same order.
        removed: those that the subject has and the evaluation takes away.
    """

    modalities: tuple[str, ...]
    given: tuple[str, ...]
    removed: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[bool, ...]:
        """For each modality, whether it is given."""
        return tuple(name in self.given for name in self.modalities)

    @property
    def absent(self) -> tuple[str, ...]:
        """The modalities that are not given, because they are removed or the subject lacks them."""
        return tuple(name for name in self.modalities if name not in self.given)

    @property
    def given_text(self) -> str:
        """The given modalities as rows, file names and the screen show them: `DWI+ADC`."""
        return join_modalities(self.given)

    @property
    def removed_text(self) -> str:
        """The removed modalities as rows and the screen show them: `B0`; "" where nothing is removed."""
        return join_modalities(self.removed)


def subsets_of(
    present: Sequence[bool],
    modalities: Sequence[str],
    droppable: Collection[str],
    kind: Literal["droppable", "all"],
) -> list[Availability]:
    """The availability subsets of a subject: first with everything it has, then with modalities removed.

    At least one modality is always given.

    Args:
        present: for each modality, whether the subject has it.
        modalities: the cohort's, in its order.
        droppable: modalities that kind `droppable` removes, each in turn.
        kind: `all` gives every non-empty subset, from the largest to single modalities.

    Raises:
        ValueError: the subject has no modality.
    """
    there = [name for name, has in zip(modalities, present, strict=True) if has]
    if not there:
        raise ValueError(f"a subject must have at least one of {', '.join(modalities)}, got none")
    if kind == "all":
        taken = [gone for size in range(len(there)) for gone in combinations(there, size)]
    else:
        taken = [(), *((name,) for name in there if name in droppable and len(there) > 1)]
    return [
        Availability(tuple(modalities), tuple(name for name in there if name not in gone), gone)
        for gone in taken
    ]
