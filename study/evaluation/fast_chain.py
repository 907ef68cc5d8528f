"""The chain of post-processing under thousands of settings, exactly, by arithmetic on components.

All masks, one for each setting and case, are treated at once (`component_lists`). A step that has no such arithmetic is
no obstacle: chains with it are applied to the kept maps themselves, which gives the same counts, slowly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components, no_components
from study.evaluation.components import Integers, Values
from study.evaluation.images import Bound
from study.evaluation.kept import KeptCase
from study.evaluation.metrics import EMPTY_DICE, EmptyDice
from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import find_step
from study.evaluation.steps.context import context_of_kept

AT_ONCE = 2**16  # components in the list at a time, as many as fit into a CPU's cache


class FastChain:
    """The Dice of kept cases after `postprocess` of their kept maps, to the last bit."""

    def __init__(
        self,
        kept: Sequence[KeptCase],
        lowest: float,
        empty_dice: EmptyDice,
    ) -> None:
        """Build the trees.

        Args:
            kept: the cases.
            lowest: the lowest threshold that settings may have.
            empty_dice: Dice where reference and prediction are empty.
        """
        self._kept = kept
        self._trees = CaseTrees(kept, lowest)
        self._n_reference = np.array([np.count_nonzero(case.reference) for case in kept], dtype=np.int64)
        self._empty_dice = EMPTY_DICE[empty_dice]

    def dice(self, settings: Sequence[Postprocessing]) -> Values:
        """The Dice [S, C] of each case under each of the settings."""
        overlap, predicted = self.counts(settings)
        total = predicted + self._n_reference
        return np.where(total > 0, 2 * overlap / np.maximum(total, 1), self._empty_dice)

    def counts(self, settings: Sequence[Postprocessing]) -> tuple[Integers, Integers]:
        """The voxels in both masks, and those of the prediction, [S, C] each.

        Raises:
            ValueError: a threshold is below the lowest one announced.
        """
        counts = np.zeros((2, len(settings), len(self._kept)), dtype=np.int64)
        for members, trees in self._lots(settings):
            lot = [settings[member] for member in members]
            plain = any(find_step(step).on_components is None for step in lot[0].steps)
            counts[:, members] = self._count_voxels(lot) if plain else self._count_components(lot, trees)
        return counts[0], counts[1]

    def _lots(self, settings: Sequence[Postprocessing]) -> Iterator[tuple[list[int], CaseTrees]]:
        """The settings in lots with the same steps on the same trees, small enough for memory; with these trees."""
        alike = defaultdict(list)
        for number, setting in enumerate(settings):
            alike[setting.steps, _region(setting)].append(number)
        for (_, region), numbers in alike.items():
            trees = self._trees if region is None else self._trees.within(region)
            levels = trees.levels([settings[number].threshold for number in numbers])
            sizes = [trees.forest.cut(level).size + trees.count for level in levels.tolist()]
            splits = np.flatnonzero(np.diff(np.cumsum(sizes) // AT_ONCE)) + 1
            for lot in np.split(np.array(numbers), splits):
                yield lot.tolist(), trees

    def _count_components(self, lot: Sequence[Postprocessing], trees: CaseTrees) -> Integers:
        """The counts [2, S, C] of settings with the same steps, from components of the same trees."""
        components = _components(lot, trees)
        masks = len(lot) * self._trees.count
        sums = [np.bincount(components.mask, components.totals[:, column], masks) for column in (1, 0)]
        return np.stack(sums).astype(np.int64).reshape(2, len(lot), self._trees.count)

    def _count_voxels(self, lot: Sequence[Postprocessing]) -> Integers:
        """The counts [2, S, C] of settings, from the kept maps."""
        counts = np.zeros((2, len(lot), len(self._kept)), dtype=np.int64)
        for number, case in enumerate(self._kept):
            probability, context = case.probability(), context_of_kept(case)
            for row, setting in enumerate(lot):
                mask = postprocess(probability, setting, context)
                counts[:, row, number] = np.count_nonzero(mask & case.reference), np.count_nonzero(mask)
        return counts


def _components(lot: Sequence[Postprocessing], trees: CaseTrees) -> Components:
    """The components of all masks after all steps."""
    components = no_components()
    for number, step in enumerate(lot[0].steps):
        on_components = find_step(step).on_components
        if on_components is not None and (number == 0 or components.mask.size):
            components = on_components(components, lot, trees)
    return components


def _region(settings: Postprocessing) -> Bound | None:
    """The voxels that a chain's components are of; None for all."""
    regions = [region(settings) for step in settings.steps if (region := find_step(step).region) is not None]
    return regions[0] if regions else None
