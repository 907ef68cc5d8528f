"""Ensemble selection: which trials' averaged probabilities do best on validation subjects (Caruana et al. 2004).

Forward selection with replacement: each step adds the trial whose addition makes the objective of the mean highest; a
trial that is added twice counts twice. The ensemble is the best step of the path. The mean is judged at the configured
threshold, before other post-processing, which is searched on the ensemble that was chosen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from study.config import Objective
from study.evaluation.components import Values
from study.evaluation.images import ImageValues
from study.evaluation.kept import LEVELS, KeptCase
from study.evaluation.metrics import EmptyDice
from study.evaluation.objective import Panel
from study.imaging.values import NO_VALUE, Thousandths

__all__ = ["Candidates", "averaged_case", "select_members"]

Members = dict[int, int]  # place of a candidate to how often it counts


@dataclass(frozen=True, eq=False)
class _CaseMaps:
    """One validation case: what all candidates say where any of them may matter.

    Attributes:
        levels: int32 [K, V], thousandths, of voxels that at least one candidate puts at the threshold; a mean of
            candidates reaches it nowhere else.
        reference: bool [V], the reference there.
        size: voxels of the whole reference.
    """

    levels: NDArray[np.int32]
    reference: NDArray[np.bool_]
    size: int

    @classmethod
    def of(cls, cases: Sequence[KeptCase], lowest: int) -> _CaseMaps:
        box = _union(cases)
        levels = np.stack([_within(case, box) for case in cases]).astype(np.int32)
        there = (levels >= lowest).any(axis=0)
        reference = cases[0].reference
        return cls(levels[:, there], reference[box][there], int(np.count_nonzero(reference)))

    def dice(self, total: NDArray[np.int32], count: int, lowest: int, empty_dice: EmptyDice) -> Values:
        """The Dice [K] of the mean of `count` candidates, whose levels add up to `total` [K, V]."""
        masks = total >= lowest * count
        common = (masks & self.reference).sum(axis=1)
        sizes = masks.sum(axis=1) + self.size
        empty = 1.0 if empty_dice == "one" else np.nan
        return np.asarray(np.where(sizes > 0, 2 * common / np.maximum(sizes, 1), empty))


class Candidates:
    """The kept probabilities of trials, reduced to what the choice among them needs.

    Attributes:
        panel: of the cases.
    """

    def __init__(
        self,
        cases: Iterable[Sequence[KeptCase]],
        objective: Objective,
        threshold: float,
        empty_dice: EmptyDice,
    ) -> None:
        """Read every case once: the kept maps of all candidates, in the same order each time."""
        self._lowest = int(np.searchsorted(LEVELS, np.float32(threshold)))  # the lowest level in the mask
        self._empty_dice = empty_dice
        self._cases: list[_CaseMaps] = []
        known = []
        for several in cases:
            one = several[0]
            known.append((one.center, one.key, bool(one.availability.removed)))
            self._cases.append(_CaseMaps.of(several, self._lowest))
        self.panel = Panel(known, objective)

    def objectives(self, chosen: Counter[int], counts: Values) -> Values:
        """The objective [K] of the mean of the chosen candidates and each one more.

        Args:
            chosen: place to how often it counts.
            counts: how often each subject counts [N].
        """
        places, weights = list(chosen.keys()), np.array(list(chosen.values()), np.int32)
        dice = []
        for case in self._cases:
            before = np.einsum("k,kv->v", weights, case.levels[places])
            dice.append(case.dice(case.levels + before, chosen.total() + 1, self._lowest, self._empty_dice))
        return self.panel.parts(np.stack(dice, axis=-1), counts)[..., -1]


def select_members(candidates: Candidates, draws: int, counts: Values) -> Members:
    """The candidates of the best ensemble of at most so many draws, and how often each was drawn.

    Ties go to the candidate that comes first, and to fewer draws; the result is the same each time.

    Args:
        candidates: the best trial first.
        draws: the most steps.
        counts: which subjects are read: how often each counts [N].
    """
    chosen: Counter[int] = Counter()
    best, members = -np.inf, dict(chosen)
    for _ in range(draws):
        objectives = np.nan_to_num(candidates.objectives(chosen, counts), nan=-np.inf)
        place = int(objectives.argmax())
        chosen[place] += 1
        if objectives[place] > best:
            best, members = float(objectives[place]), dict(chosen)
    return members


def averaged_case(cases: Sequence[KeptCase], weights: Sequence[int]) -> KeptCase:
    """The mean of one case's kept maps, in thousandths, rounded down: less than 0.002 below that of the originals.

    Images have their values wherever one of the maps has kept them: everywhere but in some holes of a probability of 0.
    """
    box = _union(cases)
    levels = np.stack([_within(case, box) for case in cases]).astype(np.int32)
    total = np.tensordot(np.array(weights, np.int32), levels, 1)
    images = tuple(
        ImageValues(image.modality, _joined(cases, image.modality, box)) for image in cases[0].images
    )
    return replace(cases[0], levels=(total // sum(weights)).astype(np.uint16), box=box, images=images)


def _joined(cases: Sequence[KeptCase], modality: str, box: Sequence[slice]) -> Thousandths:
    """The values of an image in a box that holds all boxes; no value lies below those that are known."""
    full = np.full([side.stop - side.start for side in box], NO_VALUE, np.int16)
    for case in cases:
        if (image := case.image(modality)) is not None and case.levels.size:
            part = full[_inner(case, box)]
            np.maximum(part, image.values, out=part)
    return full


def _union(cases: Sequence[KeptCase]) -> tuple[slice, ...]:
    """The smallest box that holds all boxes."""
    boxes = [case.box for case in cases if case.levels.size]
    if not boxes:
        return cases[0].box
    axes = zip(*boxes, strict=True)
    return tuple(slice(min(one.start for one in axis), max(one.stop for one in axis)) for axis in axes)


def _within(case: KeptCase, box: Sequence[slice]) -> NDArray[np.uint16]:
    """The levels of a case in a box that holds its own."""
    full = np.zeros([side.stop - side.start for side in box], np.uint16)
    if case.levels.size:
        full[_inner(case, box)] = case.levels
    return full


def _inner(case: KeptCase, box: Sequence[slice]) -> tuple[slice, ...]:
    """Where a case's box lies in a box that holds it."""
    return tuple(
        slice(own.start - side.start, own.stop - side.start) for own, side in zip(case.box, box, strict=True)
    )
