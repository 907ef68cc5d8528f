"""The kept probabilities of a trial: one `.npz` for each validation subject and availability subset."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.cohort.availability import Availability
from study.evaluation.components import Mask
from study.evaluation.images import ImageValues
from study.evaluation.kept import LEVELS, KeptCase
from study.imaging.values import NO_VALUE
from study.machine.arrays import Arrays, read_arrays
from study.machine.files import atomic
from study.machine.untrusted import UnreadableError
from study.records import losses
from study.records.files import StoredFile, refuse_link

KINDS = {
    **dict.fromkeys(("key", "center", "modalities", "given", "removed"), "U"),
    **dict.fromkeys(("spacing_mm", "lesion"), "f"),
    **dict.fromkeys(("corner", "shape"), "iu"),
    **dict.fromkeys(("levels", "reference"), "u"),
}
"""NumPy's kinds of the arrays of a file."""
IMAGES, VALUES = "images", "values"  # arrays that a file has where steps read images
MOST_BYTES = (
    2**29
)  # of one file's arrays: two for each voxel of the box and image, an eighth for each of the reference


class KeptFolder:
    """The probabilities that a trial keeps for the search of its post-processing.

    Attributes:
        path: the folder, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, case: KeptCase) -> Path:
        """Write one case atomically; returns its file.

        The mask is stored as bits, and lower and upper bytes of the levels are stored separately, which makes the
        file a sixth smaller; so are those of images.
        """
        refuse_link(self.path)
        path = self.path / f"{case.key}_{case.availability.given_text}.npz"
        with atomic(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                key=np.array(case.key),
                center=np.array(case.center),
                modalities=_names(case.availability.modalities),
                given=_names(case.availability.given),
                removed=_names(case.availability.removed),
                spacing_mm=np.array(case.spacing_mm),
                levels=_bytes(case.levels),
                corner=np.array([side.start for side in case.box]),
                shape=np.array(case.reference.shape),
                reference=np.packbits(case.reference),
                lesion=np.array([] if case.lesion is None else case.lesion, dtype=np.float64),
                **_images_of(case),
            )
        return path

    def names(self) -> tuple[str, ...]:
        """The names of all files, one for each subject and subset, sorted; raises StudyError for a link."""
        refuse_link(self.path)
        return tuple(sorted(path.name for path in self.path.glob("*.npz")))

    def each(self) -> Iterator[KeptCase]:
        """The cases in the order of file names, one at a time; raises StudyError as `read` does."""
        return (_read(self.path / name) for name in self.names())

    def read(self) -> list[KeptCase]:
        """All cases in the order of file names; cases of one subject share its reference. Empty if none is kept.

        Raises:
            StudyError: a file is damaged, or is a link.
        """
        references: dict[str, Mask] = {}
        return [
            replace(case, reference=references.setdefault(case.key, case.reference)) for case in self.each()
        ]


def _read(path: Path) -> KeptCase:
    with StoredFile(path, losses.KEPT).opened() as file:
        stored = read_arrays(file, MOST_BYTES)
        try:
            return _case(stored)
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise UnreadableError(str(error)) from None


def _case(stored: Arrays) -> KeptCase:
    """The case that a file holds; raises UnreadableError, or what NumPy raises, if its arrays do not fit together."""
    for name, kinds in KINDS.items():
        if stored[name].dtype.kind not in kinds:
            raise UnreadableError(f"{name} holds {stored[name].dtype}")
    levels = _joined(stored["levels"])
    depth, rows, columns = (int(side) for side in stored["shape"])
    shape, corner = (depth, rows, columns), [int(side) for side in stored["corner"]]
    box = tuple(slice(a, a + n) for a, n in zip(corner, levels.shape, strict=True))
    if any(not 0 <= side.start <= side.stop <= n for side, n in zip(box, shape, strict=True)):
        raise UnreadableError("its box lies outside of the image")
    if levels.size and levels.max() >= len(LEVELS):
        raise UnreadableError("it holds probabilities above 1")
    bits = stored["reference"]
    if min(shape) < 0 or bits.size != math.ceil(math.prod(shape) / 8):
        raise UnreadableError("its reference has another size than its image")
    given = [tuple(map(str, stored[name])) for name in ("modalities", "given", "removed")]
    return KeptCase(
        key=str(stored["key"]),
        center=str(stored["center"]),
        availability=Availability(*given),
        spacing_mm=_three(stored["spacing_mm"]),
        levels=levels,
        box=box,
        reference=np.unpackbits(bits, count=math.prod(shape)).view(np.bool_).reshape(shape),
        lesion=_three(stored["lesion"]) if stored["lesion"].size else None,
        images=tuple(_images(stored, levels.shape)),
    )


def _images_of(case: KeptCase) -> dict[str, Any]:
    """The arrays of a case's images; none without images."""
    if not case.images:
        return {}
    values = [_bytes((image.values.astype(np.int32) - NO_VALUE).astype(np.uint16)) for image in case.images]
    return {IMAGES: _names(tuple(image.modality for image in case.images)), VALUES: np.stack(values)}


def _images(stored: Arrays, shape: tuple[int, ...]) -> Iterator[ImageValues]:
    if IMAGES not in set(stored):
        return
    names, values = stored[IMAGES], stored[VALUES]
    if names.dtype.kind != "U" or values.dtype != np.uint8 or values.shape != (names.size, 2, *shape):
        raise UnreadableError("its images have another size than its probabilities")
    for name, one in zip(names.tolist(), values, strict=True):
        yield ImageValues(name, (_joined(one).astype(np.int32) + NO_VALUE).astype(np.int16))


def _bytes(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The lower bytes, then the upper ones [2, …]."""
    return np.stack([values % 256, values // 256]).astype(np.uint8)


def _joined(halves: NDArray[np.uint8]) -> NDArray[np.uint16]:
    lower, upper = halves
    values: NDArray[np.uint16] = upper.astype(np.uint16)
    values *= 256
    values += lower
    return values


def _names(names: tuple[str, ...]) -> NDArray[np.str_]:
    return np.array(names, dtype=np.str_)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    depth, rows, columns = (float(value) for value in values)
    return depth, rows, columns
