"""Several modalities as one text, and back."""

from __future__ import annotations

from collections.abc import Sequence

JOINER = "+"


def join_modalities(names: Sequence[str]) -> str:
    """Modalities as text, `DWI+ADC`: in `model.inputs`, in rows and on screen."""
    return JOINER.join(names)


def split_modalities(text: str) -> tuple[str, ...]:
    """What `join_modalities` joined."""
    return tuple(text.split(JOINER)) if text else ()
