"""Kept probabilities: what post-processing is searched on, without the network.

What is lost: probabilities are rounded down to multiples of 0.001, and those below 0.001 are 0, so that a kept
probability is less than 0.001 below the original, everywhere on the grid. Thresholds that are multiples of 0.001 give
the masks that they give on the original map; any other acts on a kept map as the next multiple above it. Small
probabilities are kept as well, as low thresholds ask for them (`grow`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Box, Mask, bounding_box
from study.imaging.geometry import Centroid
from study.results import atomic

LEVELS = (np.arange(1001) / 1000).astype(np.float32)  # what kept probabilities are rounded down to
KEPT_FROM = 1  # level: the box holds all voxels that are not 0 when rounded down


@dataclass(frozen=True)
class KeptCase:
    """The probability map of one subject with one availability subset, on the reference's full grid.

    Attributes:
        key: the subject's pseudonym.
        center: where it was acquired.
        subset: what the network was given, `DWI+ADC`.
        removed: what was taken away, `B0`; empty with all the subject has.
        spacing_mm: voxel size along D, H, W.
        levels: uint16, the probability in thousandths inside of `box`; 0 outside.
        box: where `levels` lies.
        reference: mask [D, H, W] on the full grid.
        lesion: center of mass of the lesion in voxels of the full grid; None where there is none.
    """

    key: str
    center: str
    subset: str
    removed: str
    spacing_mm: tuple[float, float, float]
    levels: NDArray[np.uint16]
    box: Box
    reference: Mask
    lesion: Centroid | None = None

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return math.prod(self.spacing_mm) / 1000

    def probability(self) -> NDArray[np.float32]:
        """The kept map [D, H, W]: less than 0.001 below the original."""
        full = np.zeros(self.reference.shape, dtype=np.float32)
        full[self.box] = LEVELS[self.levels]
        return full


def keep(
    probability: NDArray[np.float32],
    reference: Mask,
    *,
    key: str,
    center: str,
    subset: str,
    removed: str,
    spacing_mm: tuple[float, float, float],
    lesion: Centroid | None = None,
) -> KeptCase:
    """Round and crop a probability map [D, H, W] in [0, 1].

    Raises:
        ValueError: the reference is on another grid.
    """
    if probability.shape != reference.shape:
        raise ValueError(
            f"probability must be on the reference's grid {reference.shape}, got {probability.shape}"
        )
    box = bounding_box(probability >= LEVELS[KEPT_FROM]) or (slice(0, 0),) * probability.ndim
    known = np.fmax(probability[box].astype(np.float32), 0)  # what is not a number is below any threshold
    levels = np.searchsorted(LEVELS, known, side="right") - 1
    return KeptCase(
        key,
        center,
        subset,
        removed,
        spacing_mm,
        levels.astype(np.uint16),
        box,
        reference.astype(np.bool_, copy=False),
        lesion,
    )


def write_kept(path: Path, case: KeptCase) -> None:
    """Write one case as a compressed .npz in one move.

    The mask is stored as bits, and the levels' lower bytes apart from the upper ones: a sixth smaller than together.
    """
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            names=np.array([case.key, case.center, case.subset, case.removed]),
            spacing_mm=np.array(case.spacing_mm),
            levels=np.stack([case.levels % 256, case.levels // 256]).astype(np.uint8),
            corner=np.array([side.start for side in case.box]),
            shape=np.array(case.reference.shape),
            reference=np.packbits(case.reference),
            lesion=np.array([] if case.lesion is None else case.lesion, dtype=np.float64),
        )


def read_kept(path: Path) -> KeptCase:
    """Read what `write_kept` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        key, center, subset, removed = (str(name) for name in stored["names"])
        lower, upper = stored["levels"].astype(np.uint16)
        shape = tuple(int(side) for side in stored["shape"])
        bits = np.unpackbits(stored["reference"], count=math.prod(shape))
        corner, lesion = stored["corner"], stored["lesion"]
        spacing_mm = _three(stored["spacing_mm"])
    levels = upper * np.uint16(256) + lower
    box = tuple(slice(int(a), int(a) + n) for a, n in zip(corner, levels.shape, strict=True))
    reference = bits.astype(np.bool_).reshape(shape)
    center_of_lesion = _three(lesion) if lesion.size else None
    return KeptCase(key, center, subset, removed, spacing_mm, levels, box, reference, center_of_lesion)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    depth, rows, columns = (float(value) for value in values)
    return depth, rows, columns


def read_all_kept(folder: Path) -> list[KeptCase]:
    """All cases of a trial in a folder, by file name; those of one subject share its reference."""
    references: dict[str, Mask] = {}
    cases = (read_kept(path) for path in sorted(folder.glob("*.npz")))
    return [replace(case, reference=references.setdefault(case.key, case.reference)) for case in cases]
