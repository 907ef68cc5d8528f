"""What a page is made of, before it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from analysis.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """One figure.

    Attributes:
        name: of its file.
        caption: what it shows and how it is read.
        draw: makes it.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Layer:
    """Marks over the slices of a volume.

    Attributes:
        label: which modalities the network was given, and the Dice.
        strip: PNG with transparent ground, as large as the volume's strip.
    """

    label: str
    strip: bytes


@dataclass(frozen=True)
class Volume:
    """One subject to scroll through: all slices below each other in one picture.

    Attributes:
        title: who it is, without names of patients.
        width, height: of a slice, in pixels.
        slices: their number.
        start: the slice that is shown first.
        strip: JPEG, slices × height pixels high; empty where there is no image.
        layers: the marks that can be chosen.
    """

    title: str
    width: int
    height: int
    slices: int
    start: int
    strip: bytes
    layers: tuple[Layer, ...]


class Point(NamedTuple):
    """An entry of a list: what it says first, and the rest."""

    lead: str
    rest: str


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        name: of its anchor.
        title: as readers see it.
        prose: paragraphs.
        points: what stands in a list below them.
        more: paragraphs below the list.
        tables, drawings, volumes: in order.
    """

    name: str
    title: str
    prose: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    more: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    volumes: tuple[Volume, ...] = ()
