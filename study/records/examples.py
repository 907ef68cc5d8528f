"""Test subjects to look at: of each center the best, the median and the worst one, with the masks of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import NDArray

from study.machine.arrays import Arrays, read_arrays
from study.machine.files import atomic
from study.machine.untrusted import UnreadableError
from study.records.files import StoredFile

MOST_BYTES = 256 * 1024**2  # of all masks, an eighth of a byte a voxel
Rank = Literal["best", "median", "worst", "only"]


class ExampleMask(NamedTuple):
    """A prediction after post-processing.

    Attributes:
        removed: the modalities taken away, `B0`; "" where the network was given all.
        dice: of the prediction, on the reference's own grid.
        mask: bool [D, H, W] on the subject's prepared grid.
    """

    removed: str
    dice: float
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Example:
    """One test subject.

    Attributes:
        subject: the pseudonym.
        center: where it was acquired.
        rank: among the test subjects of its center, by Dice with all modalities.
        reference: bool [D, H, W] on the subject's prepared grid.
        predictions: with all modalities first.
    """

    subject: str
    center: str
    rank: Rank
    reference: NDArray[np.bool_]
    predictions: tuple[ExampleMask, ...]


class ExamplesFile(StoredFile):
    """The examples of a trial as a compressed `.npz`; masks are stored as bits. Images stay in the cache."""

    def write(self, examples: Sequence[Example]) -> None:
        """Write the examples atomically."""
        who = [(one.subject, one.center, one.rank) for one in examples]
        arrays: dict[str, Any] = {"who": np.array(who, dtype=np.str_).reshape(-1, 3)}
        for number, one in enumerate(examples):
            masks = [one.reference, *(shown.mask for shown in one.predictions)]
            arrays[f"{number}/shape"] = np.array(one.reference.shape)
            arrays[f"{number}/removed"] = np.array(
                [shown.removed for shown in one.predictions], dtype=np.str_
            )
            arrays[f"{number}/dice"] = np.array([shown.dice for shown in one.predictions], dtype=np.float64)
            arrays[f"{number}/masks"] = np.stack([np.packbits(mask) for mask in masks])
        with atomic(self.path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)

    def read(self) -> list[Example]:
        """The examples; empty if the file does not exist.

        Raises:
            StudyError: it is damaged.
        """
        if not self.exists:
            return []
        with self.opened() as file:
            stored = read_arrays(file, MOST_BYTES)
            who = stored["who"]
            if who.dtype.kind != "U" or who.ndim != 2 or who.shape[1] != 3:
                raise UnreadableError("its list of subjects is damaged")
            return [_example(stored, number, *map(str, row)) for number, row in enumerate(who)]


def _example(stored: Arrays, number: int, subject: str, center: str, rank: str) -> Example:
    shape, removed, dice, masks = (
        stored[f"{number}/{name}"] for name in ("shape", "removed", "dice", "masks")
    )
    kinds = [array.dtype.kind for array in (shape, removed, dice)]
    dimensions = [array.ndim for array in (shape, removed, dice, masks)]
    if kinds != ["i", "U", "f"] or masks.dtype != np.uint8 or dimensions != [1, 1, 1, 2] or shape.size != 3:
        raise UnreadableError(f"example {number} holds something else")
    if rank not in get_args(Rank):
        raise UnreadableError(f"example {number} is {rank!r:.20}, not {', '.join(get_args(Rank))}")
    depth, rows, columns = shape.tolist()
    voxels = depth * rows * columns
    fits = min(depth, rows, columns) > 0 and masks.shape == (len(removed) + 1, -(-voxels // 8))
    if not fits or dice.shape != removed.shape:
        raise UnreadableError(f"the masks of example {number} do not fit together")
    reference, *predicted = (
        np.unpackbits(bits, count=voxels).view(np.bool_).reshape(depth, rows, columns) for bits in masks
    )
    shown = zip(map(str, removed), dice.tolist(), predicted, strict=True)
    return Example(subject, center, cast(Rank, rank), reference, tuple(map(ExampleMask._make, shown)))
