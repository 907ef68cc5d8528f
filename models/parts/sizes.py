"""Sizes as text, for messages."""

from __future__ import annotations

import math

from models.plan import Size


def size_text(size: Size) -> str:
    """A size, such as `12×64×64`."""
    return "×".join(map(str, size))


def nearest_multiples(edge: int, divisor: int) -> str:
    """The multiples of `divisor` around a length, such as `32 or 48`; only one where that is the length or is 0."""
    below, above = edge // divisor * divisor, math.ceil(edge / divisor) * divisor
    return str(above) if below in (0, above) else f"{below} or {above}"
