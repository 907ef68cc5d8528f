"""near_lesion: removes components that lie much farther from the lesion than the closest one.

Distances are between centers of mass. Where a limit in mm is given, the closest component is the closest in mm, so
that it is kept under any limits. The step is skipped for a subject without a lesion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Integers, Mask, Values, keep_components
from study.evaluation.steps.step import PostprocessingStep, Probability, StepContext


class Distances(NamedTuple):
    """Distances [n] of components' centers of mass from the lesion's, in both units."""

    voxels: Values
    mm: Values


def _apply(mask: Mask, _: Probability, settings: Postprocessing, context: StepContext) -> Mask:
    if context.lesion is None:
        return mask
    lesion, spacing_mm = np.array(context.lesion), np.array(context.spacing_mm)
    limits = settings.near_lesion

    def near(sizes: Integers, moments: Integers) -> Mask:
        distances = _distances(sizes, moments, lesion, spacing_mm)
        order = (distances.voxels, distances.mm) if limits.mm is not None else (distances.voxels,)
        closest = np.lexsort(order)[0]
        keep = np.ones(sizes.shape, dtype=np.bool_)
        for distance, limit in ((distances.voxels, limits.voxels), (distances.mm, limits.mm)):
            if limit is not None:
                keep &= distance <= distance[closest] + limit
        return keep

    return keep_components(mask, near)


def _on_components(
    components: Components, settings: Sequence[Postprocessing], trees: CaseTrees
) -> Components:
    setting, case = trees.setting_and_case_of(components)
    limits = [each.near_lesion for each in settings]
    voxels, mm = (
        np.array([np.inf if limit is None else limit for limit in some])[setting]
        for some in ([limit.voxels for limit in limits], [limit.mm for limit in limits])
    )
    lesion = trees.lesion[case]
    distances = _distances(components.sizes, components.moments, lesion, trees.spacing_mm[case])
    distance = np.where(np.isfinite(mm), distances.mm, distances.voxels)
    closest = components.extreme(np.minimum, distance)
    closest_voxels = np.where(distance == closest, distances.voxels, np.inf)
    near = distances.voxels <= components.extreme(np.minimum, closest_voxels) + voxels
    near &= distance <= closest + mm
    return components.where(near | np.isnan(lesion[:, 0]))


def _words(settings: Postprocessing) -> str:
    limits = settings.near_lesion
    named = ((limits.voxels, "voxels"), (limits.mm, "mm"))
    farther = " or ".join(f"{limit:.3g} {unit}" for limit, unit in named if limit is not None)
    return (
        f"components more than {farther} farther from the lesion (between centers of mass) than the closest one "
        "are removed; skipped where no lesion is known"
    )


def _distances(sizes: Integers, moments: Integers, lesion: Values, spacing_mm: Values) -> Distances:
    """Euclidean distances [n] between centers of mass.

    Args:
        sizes: voxels of each component [n].
        moments: sums of their coordinates [n, 3].
        lesion: its center of mass in voxels, [3] or one for each component [n, 3].
        spacing_mm: [3] or [n, 3].
    """
    apart = moments / sizes[:, None] - lesion
    return Distances(_length(apart), _length(apart * spacing_mm))


def _length(vectors: Values) -> Values:
    return np.asarray(np.sqrt(vectors[:, 0] ** 2 + vectors[:, 1] ** 2 + vectors[:, 2] ** 2))


STEP = PostprocessingStep(_apply, _words, _on_components)
