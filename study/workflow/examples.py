"""Picks the test subjects to look at: the best, the median and the worst of each center."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask
from study.evaluation.rows import ResultRow
from study.imaging.prepared import Prepared
from study.records.examples import Example, ExampleMask, Rank


@dataclass(frozen=True)
class _Predicted:
    """One prediction; its mask is kept as the places of its voxels, since lesions are small and subjects many."""

    removed: str
    dice: float
    voxels: NDArray[np.uint32]  # in the flat native grid


class ExamplePicker:
    """Takes the predictions of all test subjects as they come, and picks some when all are there."""

    def __init__(self) -> None:
        self._subjects: dict[str, Prepared] = {}
        self._predicted: dict[str, list[_Predicted]] = {}

    def add(self, prepared: Prepared, row: ResultRow, mask: Mask) -> None:
        """Take one prediction; its mask [D, H, W] is on the reference's own grid."""
        self._subjects[prepared.key] = prepared
        voxels = np.flatnonzero(mask).astype(np.uint32)
        self._predicted.setdefault(prepared.key, []).append(_Predicted(row.removed, row.dice, voxels))

    def picked(self) -> list[Example]:
        """The examples, by center and from best to worst; subjects without a Dice with all modalities are left out."""
        by_center: dict[str, list[tuple[float, str]]] = {}
        for key, predicted in self._predicted.items():
            dice = next((one.dice for one in predicted if not one.removed), math.nan)
            if not math.isnan(dice):
                by_center.setdefault(self._subjects[key].facts.center, []).append((-dice, key))
        return [
            self._example(key, rank)
            for _, ordered in sorted(by_center.items())
            for key, rank in _ranks([key for _, key in sorted(ordered)]).items()
        ]

    def _example(self, key: str, rank: Rank) -> Example:
        prepared = self._subjects[key]
        shown = sorted(self._predicted[key], key=lambda one: (one.removed.count("+"), one.removed))
        return Example(
            subject=key,
            center=prepared.facts.center,
            rank=rank,
            reference=np.asarray(prepared.target).astype(np.bool_),
            predictions=tuple(
                ExampleMask(one.removed, one.dice, _on_prepared_grid(prepared, one.voxels)) for one in shown
            ),
        )


def _ranks(ordered: list[str]) -> dict[str, Rank]:
    """Who is shown of a center's subjects, which are sorted from best to worst."""
    if len(ordered) == 1:
        return {ordered[0]: "only"}
    middle = (len(ordered) - 1) // 2
    picked: dict[str, Rank] = {ordered[0]: "best"}
    if 0 < middle < len(ordered) - 1:
        picked[ordered[middle]] = "median"
    return {**picked, ordered[-1]: "worst"}


def _on_prepared_grid(prepared: Prepared, voxels: NDArray[np.uint32]) -> NDArray[np.bool_]:
    native = np.zeros(prepared.native.shape, np.bool_)
    native.ravel()[voxels] = True
    return prepared.from_native(native)
