"""Images as the steps of post-processing see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from study.evaluation.components import Mask
from study.imaging.units import UNITS
from study.imaging.values import NO_VALUE, PER_UNIT, Thousandths

__all__ = ["Bound", "ImageValues", "Side", "in_thousandths", "shown_bound"]

Side = Literal["below", "above"]


@dataclass(frozen=True, eq=False)
class ImageValues:
    """An image that a subject was given.

    Attributes:
        modality: its name.
        values: int16 [D, H, W] in thousandths; see `study.imaging.values`.
    """

    modality: str
    values: Thousandths


class Bound(NamedTuple):
    """The voxels whose value of a modality is at most (`below`) or at least (`above`) a number of thousandths."""

    modality: str
    side: Side
    thousandths: int

    @classmethod
    def of(cls, modality: str, side: Side, value: float) -> Bound:
        """At most or at least a value in the modality's unit, to the thousandth."""
        return cls(modality, side, in_thousandths(value))

    def holds(self, values: Thousandths) -> Mask:
        """Whether voxels [...] are within the bound; those without a value are not."""
        if self.side == "above":
            return np.asarray(values >= max(self.thousandths, NO_VALUE + 1))
        return np.asarray((values <= self.thousandths) & (values != NO_VALUE))


def in_thousandths(value: float) -> int:
    """A value in a modality's unit as whole thousandths."""
    return round(value * PER_UNIT)


def shown_bound(modality: str, side: Side, value: float) -> str:
    """A bound in words: "at most 0.6·10⁻³ mm²/s"."""
    return f"{'at most' if side == 'below' else 'at least'} {shown_value(modality, value)}"


def shown_value(modality: str, value: float) -> str:
    """A value with the unit of its modality, if it has one: "0.6·10⁻³ mm²/s"."""
    unit = UNITS.get(modality.upper())
    return f"{value:.3g}" + (f"·{unit}" if unit else " (normalised)")
