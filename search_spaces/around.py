"""Ranges around the configured value: `around: 3` is a third of it to three times as much.

Such a range follows whatever sets the value. A learning rate is the case that matters: what is worth a try depends on
the optimiser and its momentum, which the trainer chooses together with the rate. Ends that are given stay, so that both
together replace `around`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["around_problems", "lies_around", "with_ends"]

DIGITS = 6  # of a computed end


def lies_around(leaf: Mapping[str, Any]) -> bool:
    """Whether an entry leaves an end of its range to the configured value."""
    return leaf.get("around") is not None and not {"low", "high"} <= leaf.keys()


def around_problems(leaf: Mapping[str, Any], configured: Any) -> list[str]:
    """What is wrong with the `around` of an entry of a search space, if it has one."""
    if not lies_around(leaf):
        return []
    around = leaf["around"]
    if not _is_positive(around) or around <= 1:
        return [f"around: must be a number above 1, by which the configured value is divided, got {around!r}"]
    if not _is_positive(configured):
        return [
            f"around: the configured value is {configured!r}, and only a number above 0 has a range around it; "
            "give low and high"
        ]
    return []


def with_ends(leaf: Mapping[str, Any], configured: Any) -> Mapping[str, Any]:
    """An entry whose range has both ends."""
    if not lies_around(leaf):
        return leaf
    factor = leaf["around"]
    low, high = configured / factor, configured * factor
    if leaf["type"] == "int":
        ends = {"low": math.ceil(low), "high": math.floor(high)}
    else:
        ends = {"low": _rounded(low), "high": _rounded(high)}
    return {**ends, **leaf}


def _is_positive(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    )


def _rounded(end: float) -> float:
    return float(f"{end:.{DIGITS}g}")
