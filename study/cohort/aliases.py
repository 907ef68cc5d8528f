"""Which sequence may stand in for which (`cohort.modality_aliases`): only where the modality itself is absent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from study.config import CohortConfig

File = TypeVar("File")


def find_stand_ins(there: Collection[str], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Modality to the sequence that stands in for it, of the sequences that are there.

    Args:
        there: names of sequences, as the configuration spells them.
        aliases: modality to its stand-ins, the preferred first.
    """
    found = {}
    for modality, others in aliases.items():
        first = next((other for other in others if other in there), None)
        if modality not in there and first is not None:
            found[modality] = first
    return found


def used_names(there: Collection[str], settings: CohortConfig) -> tuple[str, ...]:
    """The sequences of a subject that a study reads: its modalities, and what stands in for absent ones."""
    return (*settings.modalities, *find_stand_ins(there, settings.modality_aliases).values())


def substitute(images: Mapping[str, File], stand_ins: Mapping[str, str]) -> dict[str, File]:
    """The images with each stand-in under the name of the modality whose place it takes."""
    renamed = {other: modality for modality, other in stand_ins.items()}
    return {renamed.get(name, name): file for name, file in images.items()}
