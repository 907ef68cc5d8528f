"""Stand-ins: sequences in place of modalities that a subject lacks (`cohort.modality_aliases`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from study.config import CohortConfig

File = TypeVar("File")


def find_stand_ins(there: Collection[str], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Absent modality to the sequence that stands in for it.

    Args:
        there: the sequences that a subject has, as the configuration spells them.
        aliases: modality to its possible stand-ins, the preferred one first.
    """
    found = {}
    for modality, others in aliases.items():
        first = next((other for other in others if other in there), None)
        if modality not in there and first is not None:
            found[modality] = first
    return found


def used_names(there: Collection[str], settings: CohortConfig) -> tuple[str, ...]:
    """The sequences of a subject that a study reads: the modalities, and stand-ins for absent ones."""
    return (*settings.modalities, *find_stand_ins(there, settings.modality_aliases).values())


def substitute(images: Mapping[str, File], stand_ins: Mapping[str, str]) -> dict[str, File]:
    """The images, with each stand-in under the name of the modality that it replaces."""
    renamed = {other: modality for modality, other in stand_ins.items()}
    return {renamed.get(name, name): file for name, file in images.items()}
