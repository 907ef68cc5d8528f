"""Overlays of a trial's predictions: one slice per center, with its reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.machine.arrays import Arrays, read_arrays
from study.machine.files import atomic
from study.machine.untrusted import UnreadableError
from study.records.files import StoredFile

MOST_BYTES = 256 * 1024**2  # of all pictures; 64 centers with eight modalities of 512×512


@dataclass(frozen=True, eq=False)
class Overlay:
    """One slice of a test subject.

    Attributes:
        center: of the subject.
        given: modalities given to the network, such as `DWI+ADC`.
        modalities: names of the M channels.
        image: float16 [M, H, W], normalised.
        reference: bool [H, W].
        prediction: bool [H, W].
    """

    center: str
    given: str
    modalities: tuple[str, ...]
    image: NDArray[np.float16]
    reference: NDArray[np.bool_]
    prediction: NDArray[np.bool_]


class OverlaysFile(StoredFile):
    """The overlays of a trial as a compressed `.npz`."""

    def write(self, overlays: Sequence[Overlay]) -> None:
        """Write the overlays atomically."""
        arrays: dict[str, Any] = {"centers": np.array([one.center for one in overlays], dtype=np.str_)}
        for number, one in enumerate(overlays):
            arrays[f"{number}/names"] = np.array([one.given, *one.modalities])
            arrays[f"{number}/image"] = one.image
            arrays[f"{number}/reference"] = one.reference
            arrays[f"{number}/prediction"] = one.prediction
        with atomic(self.path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def read(self) -> list[Overlay]:
        """The overlays; empty if the file does not exist.

        Raises:
            StudyError: it is damaged.
        """
        if not self.exists:
            return []
        with self.opened() as file:
            stored = read_arrays(file, MOST_BYTES)
            centers = map(str, stored["centers"].ravel())
            return [_overlay(stored, number, center) for number, center in enumerate(centers)]


def _overlay(stored: Arrays, number: int, center: str) -> Overlay:
    given, *modalities = (
        map(str, stored[f"{number}/names"].ravel()) if stored[f"{number}/names"].size else ("",)
    )
    image, reference, prediction = (
        stored[f"{number}/{name}"] for name in ("image", "reference", "prediction")
    )
    shapes = {image.shape[1:], reference.shape, prediction.shape}
    kinds = [image.dtype.kind, reference.dtype, prediction.dtype]
    if (
        image.ndim != 3
        or len(image) != len(modalities)
        or len(shapes) > 1
        or kinds != ["f", np.bool_, np.bool_]
    ):
        raise UnreadableError(f"the pictures of overlay {number} do not fit together")
    return Overlay(center, given, tuple(modalities), image, reference, prediction)
