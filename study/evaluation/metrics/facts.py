"""What is known of a metric besides its value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["AMOUNT", "ANY", "CORRELATION", "SHARE", "Empty", "IfEmpty", "MetricFacts"]

IfEmpty = Literal["0", "1", "none", "counted", "setting"]
"""`none`: no value, left out of means; `counted`: as its formula says; `setting`: `evaluation.empty_dice`."""
SHARE = (0.0, 1.0)
AMOUNT = (0.0, math.inf)
CORRELATION = (-1.0, 1.0)
ANY = (-math.inf, math.inf)


class Empty(NamedTuple):
    """What a metric is where masks are empty: both, the reference alone, the prediction alone."""

    both: IfEmpty
    reference: IfEmpty
    prediction: IfEmpty


@dataclass(frozen=True)
class MetricFacts:
    """One metric, as tables, their captions and the documentation have it.

    Attributes:
        title: as tables have it.
        formula: in LaTeX.
        about: what the formula leaves open, in a sentence or two.
        source: who defines it.
        empty: None for what is not measured on two masks.
        bounds: of its values.
        unit: "" for a number without one.
        decimals: that tables show.
    """

    title: str
    formula: str
    about: str
    source: str
    empty: Empty | None
    bounds: tuple[float, float] = SHARE
    unit: str = ""
    decimals: int = 3

    @property
    def heading(self) -> str:
        """The title with the unit."""
        return f"{self.title}, {self.unit}" if self.unit else self.title
