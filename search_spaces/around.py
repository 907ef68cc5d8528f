"""Ranges around the configured value: `around: 3` is a third of it to three times as much.

Such a range follows whatever sets the value. A learning rate is the case that matters: what is worth a try depends on
the optimiser and its momentum, which the trainer chooses together with the rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["around_problems", "with_ends"]

DIGITS = 6  # of a computed end


def around_problems(leaf: Mapping[str, Any], configured: Any) -> list[str]:
    """What is wrong with the `around` of an entry of a search space, if it has one."""
    around = leaf.get("around")
    if around is None:
        return []
    if not _is_positive(around) or around <= 1:
        return [f"around: must be a number above 1, by which the configured value is divided, got {around!r}"]
    if leaf.get("low") is not None and leaf.get("high") is not None:
        return ["around: low and high leave nothing for it to say; leave one of the three out"]
    if not _is_positive(configured):
        return [
            f"around: the configured value is {configured!r}, and only a number above 0 has a range around it; "
            "give low and high"
        ]
    return []


def with_ends(leaf: Mapping[str, Any], configured: float) -> dict[str, Any]:
    """An entry with `low` and `high` in place of `around`; an end that the entry gives stays."""
    factor = leaf["around"]
    low, high = configured / factor, configured * factor
    if leaf["type"] == "int":
        ends = {"low": math.ceil(low), "high": math.floor(high)}
    else:
        ends = {"low": _rounded(low), "high": _rounded(high)}
    return {key: value for key, value in {**ends, **leaf}.items() if key != "around"}


def _is_positive(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    )


def _rounded(end: float) -> float:
    return float(f"{end:.{DIGITS}g}")
