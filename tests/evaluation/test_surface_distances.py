"""Surface distances: by hand on a few voxels, and against all pairs of surface voxels."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from drawn_masks import SPACING_MM, drawing, pair, slices

from study.evaluation.metrics.distance import SurfaceDistances

EMPTY = np.zeros((2, 3, 4), bool)


def of(reference: np.ndarray, prediction: np.ndarray, spacing_mm: tuple[float, ...]) -> SurfaceDistances:
    return SurfaceDistances.of(reference, prediction, spacing_mm)


def test_two_voxels_two_millimetres_apart() -> None:
    found = of(drawing("#."), drawing(".#"), (9.0, 9.0, 2.0))
    assert found.hd95_mm == found.average_mm == 2


def test_distance_between_slices_counts_their_thickness() -> None:
    reference = slices(drawing("#..", "..."), drawing("...", "..."))
    prediction = slices(drawing("...", "..."), drawing("...", "..#"))
    found = of(reference, prediction, (6.0, 3.0, 1.0))
    assert found.hd95_mm == found.average_mm == pytest.approx(7)  # 6, 3 and 2 mm


def test_the_average_is_over_the_voxels_of_both_surfaces_together() -> None:
    # The last voxel of the reference is 1 mm from the prediction, whose last two are 1 mm from the reference.
    found = of(drawing("#..#"), drawing("###."), (1.0, 1.0, 1.0))
    assert found.forth.tolist() == [0, 1]
    assert found.back.tolist() == [0, 1, 1]
    assert found.average_mm == pytest.approx(3 / 5)


def test_the_inside_of_a_lesion_is_no_surface() -> None:
    reference = np.ones((5, 5, 5), bool)
    center = np.zeros_like(reference)
    center[2, 2, 2] = True
    # The one voxel is 2 mm from the surface, 98 surface voxels are 2 to 3.46 mm from it.
    distances = [math.dist(voxel, (2, 2, 2)) for voxel in product(range(5), repeat=3) if {0, 4} & set(voxel)]
    assert len(distances) == 98
    found = of(reference, center, (1, 1, 1))
    assert found.hd95_mm == pytest.approx(np.percentile(distances, 95))
    assert found.average_mm == pytest.approx((sum(distances) + 2) / 99)


def test_a_lesion_at_the_border_has_a_surface_there() -> None:
    # All of a slice is at the border of the volume, so that the one missing voxel is 1 mm from a surface.
    full, holed = drawing("###", "###", "###"), drawing("###", "#.#", "###")
    found = of(full, holed, (4.0, 1.0, 1.0))
    assert (found.forth.size, found.back.size) == (9, 8)
    assert found.average_mm == pytest.approx(1 / 17)


@pytest.mark.parametrize(
    ("tolerance_mm", "share"),
    [(0.5, 2 / 5), (1.0, 3 / 5), (1.9, 3 / 5), (2.0, 4 / 5), (3.0, 1.0)],
)
def test_surfaces_within_the_tolerance_agree_the_tolerance_included(
    tolerance_mm: float, share: float
) -> None:
    # From the reference 0, 2 and 3 mm; from the prediction 0 and 1 mm.
    reference, prediction = drawing("#..##"), drawing("##...")
    assert of(reference, prediction, (1.0, 1.0, 1.0)).within(tolerance_mm) == pytest.approx(share)


def test_what_is_as_far_as_the_tolerance_agrees_wherever_it_lies() -> None:
    shares = set()
    for start in range(20):
        reference, prediction = np.zeros((2, 1, 1, 40), bool)
        reference[..., start], prediction[..., start + 7] = True, True
        shares.add(of(reference, prediction, (1.0, 1.0, 0.1)).within(0.7))  # 0.7000000000000001 at some
    assert shares == {1.0}


def test_without_one_of_the_masks_there_is_no_distance_and_nothing_agrees() -> None:
    for masks in ((EMPTY, ~EMPTY), (~EMPTY, EMPTY)):
        found = of(*masks, (1, 1, 1))
        assert math.isnan(found.hd95_mm)
        assert math.isnan(found.average_mm)
        assert found.within(1000.0) == 0


def test_without_both_there_is_nothing_to_say() -> None:
    found = of(EMPTY, EMPTY, (1, 1, 1))
    assert all(math.isnan(value) for value in (found.hd95_mm, found.average_mm, found.within(2.0)))


@pytest.mark.parametrize("seed", range(4))
def test_they_equal_the_distances_of_all_pairs(seed: int) -> None:
    masks = pair(seed)
    first, second = (surface_by_hand(mask) * np.array(SPACING_MM) for mask in masks)
    distances = np.sqrt(((first[:, None] - second[None]) ** 2).sum(-1))
    forth, back = distances.min(1), distances.min(0)
    both = np.concatenate([forth, back])
    found = of(*masks, SPACING_MM)
    assert found.hd95_mm == pytest.approx(max(np.percentile(forth, 95), np.percentile(back, 95)))
    assert found.average_mm == pytest.approx(both.mean())
    assert found.within(2.0) == pytest.approx(np.mean(both < 2.001))


def surface_by_hand(mask: np.ndarray) -> np.ndarray:
    """Voxels one of whose six neighbours is no voxel of the mask [N, 3]."""
    there = set(map(tuple, np.argwhere(mask).tolist()))
    steps = [step for step in product((-1, 0, 1), repeat=3) if sum(map(abs, step)) == 1]
    found = [
        voxel
        for voxel in sorted(there)
        if any(tuple(a + b for a, b in zip(voxel, step, strict=True)) not in there for step in steps)
    ]
    return np.array(found)


def test_masks_on_different_grids_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be on the reference's grid \(2, 3, 4\), got \(2, 3, 5\)"):
        of(EMPTY, np.zeros((2, 3, 5), bool), (1, 1, 1))
