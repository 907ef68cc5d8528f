"""Volumes to scroll through: a subject's slices as one JPEG, true and false voxels as one transparent PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.report.content import Layer, Volume
from analysis.report.words import given
from study.records.examples import Example

WIDTH = 224  # of a slice on the page, in pixels
MOST_BYTES = 8_000_000  # of all pictures, so that a page stays below 15 MB
COARSEST = 16  # voxels that may be left out beside one that is shown
QUALITY = 70
HIT, FALSE, MISSED = (
    (0, 158, 115),
    (213, 94, 0),
    (240, 228, 66),
)  # Okabe and Ito's; the darkest is what is false
OPACITY = 170
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Shown:
    """A subject with its image.

    Attributes:
        example: its masks.
        image: of one modality [D, H, W], 0 outside of the brain; None where the cache no longer has it.
        spacing_mm: of slices, rows and columns.
    """

    example: Example
    image: NDArray[np.float32] | None
    spacing_mm: tuple[float, float, float]

    @property
    def title(self) -> str:
        """Who it is, and how it ranks."""
        one = self.example
        return f"{one.center}, {one.rank}: {one.subject}"

    @property
    def middle(self) -> int:
        """The slice with the largest area of the reference; of the prediction where that is empty."""
        masks = (self.example.reference, *(shown.mask for shown in self.example.predictions))
        areas = next((mask.sum((1, 2)) for mask in masks if mask.any()), None)
        return len(self.example.reference) // 2 if areas is None else int(np.argmax(areas))

    @property
    def gray(self) -> NDArray[np.uint8]:
        """The image in 256 grays, black outside of the brain."""
        if self.image is None:
            return np.zeros(self.example.reference.shape, np.uint8)
        inside = self.image[self.image != 0]
        low, high = np.percentile(inside, (1, 99.5)) if inside.size else (0.0, 1.0)
        scaled = np.clip((self.image - low) / max(float(high - low), 1e-6), 0, 1)
        return np.where(self.image == 0, 0, 255 * scaled).astype(np.uint8)

    @property
    def box(self) -> Box:
        """Where there is anything to see."""
        masks = [self.example.reference, *(shown.mask for shown in self.example.predictions)]
        anything = np.any(masks, axis=0) | (False if self.image is None else self.image != 0)
        if not anything.any():
            return slice(None), slice(None), slice(None)
        filled = [np.flatnonzero(anything.any(tuple({0, 1, 2} - {axis}))) for axis in range(3)]
        depth, rows, columns = (slice(int(there[0]), int(there[-1]) + 1) for there in filled)
        return depth, rows, columns


def classes(reference: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """0 where both are empty, 1 where both are there, 2 where the prediction alone is, 3 where it is missing."""
    return (2 * prediction + reference * (3 - 4 * prediction)).astype(np.uint8)


def as_seen(volume: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Rows and columns turned, so that the front is at the top and the patient's right on the left."""
    return volume[..., ::-1, ::-1]


def volumes(shown: Sequence[Shown]) -> tuple[Volume, ...]:
    """All subjects in as many pixels as fit into the page."""
    stride = 1
    while True:
        found = tuple(_volume(one, stride) for one in shown)
        size = sum(len(one.strip) + sum(len(layer.strip) for layer in one.layers) for one in found)
        if size <= MOST_BYTES or stride >= COARSEST:
            return found
        stride *= 2


def _volume(one: Shown, stride: int) -> Volume:
    box = one.box
    depth, rows, columns = one.example.reference[box].shape
    height = rows * one.spacing_mm[1] / (columns * one.spacing_mm[2]) * WIDTH
    return Volume(
        title=one.title,
        width=WIDTH,
        height=max(round(height), 1),
        slices=depth,
        start=one.middle - (box[0].start or 0),
        strip=b"" if one.image is None else _jpeg(_strip(one.gray[box], stride)),
        layers=tuple(
            Layer(
                f"{given(shown.removed)}: Dice {shown.dice:.3f}",
                _png(_strip(classes(one.example.reference, shown.mask)[box], stride)),
            )
            for shown in one.example.predictions
        ),
    )


def _strip(volume: NDArray[np.uint8], stride: int) -> NDArray[np.uint8]:
    """Slices below each other."""
    thinned = as_seen(volume)[:, ::stride, ::stride]
    return np.ascontiguousarray(thinned.reshape(-1, thinned.shape[-1]))


def _jpeg(strip: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(strip).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


def _png(strip: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    picture = Image.frombytes("P", strip.shape[::-1], strip.tobytes())
    picture.putpalette([0, 0, 0, *HIT, *FALSE, *MISSED])
    picture.save(content, "PNG", transparency=bytes([0, OPACITY, OPACITY, OPACITY]), bits=2)
    return content.getvalue()
