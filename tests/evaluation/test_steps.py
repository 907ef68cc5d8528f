"""Each step on maps that one can draw."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_maps import SIZES, after, chain, drawing

from study.evaluation.components import fill_holes
from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import StepContext

ML_VOXELS = (10.0, 10.0, 10.0)  # voxel sides of 1 mL voxels


def test_the_threshold_itself_passes():
    assert after(drawing("456"), chain(threshold=0.5)) == [".##"]


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({}, ["####..#", "......#", "#......", "...##.."]),
        ({"voxels": 2}, ["####..#", "......#", ".......", "...##.."]),
        ({"voxels": 3}, ["####...", ".......", ".......", "......."]),
        ({"ml": 2.0}, ["####..#", "......#", ".......", "...##.."]),  # the minimum itself stays
        ({"ml": 2.1}, ["####...", ".......", ".......", "......."]),
        ({"voxels": 2, "ml": 2.1}, ["####...", ".......", ".......", "......."]),
        ({"voxels": 3, "ml": 0.5}, ["####...", ".......", ".......", "......."]),
        ({"voxels": 5}, [".......", ".......", ".......", "......."]),
    ],
)
def test_components_below_either_minimum_are_removed(limits, kept):
    assert after(SIZES, chain("remove_small", remove_small=limits), spacing_mm=ML_VOXELS) == kept


@pytest.mark.parametrize(
    ("ratio", "kept"),
    [
        (0.0, ["####..#", "......#", "#......", "...##.."]),
        (0.5, ["####..#", "......#", ".......", "...##.."]),
        (0.51, ["####...", ".......", ".......", "......."]),
        (1.0, ["####...", ".......", ".......", "......."]),
    ],
)
def test_components_much_smaller_than_the_largest_are_removed(ratio, kept):
    assert after(SIZES, chain("keep_biggest", keep_biggest={"ratio": ratio})) == kept


def test_equally_large_components_are_all_kept():
    tied = drawing("99.9.99")
    assert after(tied, chain("keep_biggest", keep_biggest={"ratio": 1.0})) == ["##...##"]


def test_a_ratio_is_forgiven_its_rounding():
    assert 0.07 * 100 > 7
    probability = np.zeros((1, 2, 110), np.float32)
    probability[0, 0, :100] = probability[0, 0, 102:109] = 1
    mask = postprocess(
        probability, chain("keep_biggest", keep_biggest={"ratio": 0.07}), StepContext((1.0, 1.0, 1.0))
    )
    assert mask.sum() == 107


FAR = drawing(
    "9..99...9",
    ".........",
    "9........",
)  # from (0, 0, 0): 0, 3.5, 8 and 2 voxels


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"voxels": 0}, ["#........", ".........", "........."]),
        ({"voxels": 2}, ["#........", ".........", "#........"]),
        ({"voxels": 3.5}, ["#..##....", ".........", "#........"]),
        ({"voxels": 8}, ["#..##...#", ".........", "#........"]),
        ({"voxels": None, "mm": 3.5}, ["#..##....", ".........", "........."]),  # 0, 3.5, 8 and 10 mm
        ({"voxels": 3.5, "mm": 9}, ["#..##....", ".........", "........."]),
        ({"voxels": 2, "mm": 9}, ["#........", ".........", "........."]),
    ],
)
def test_components_much_farther_from_the_lesion_than_the_closest_are_removed(limits, kept):
    settings = chain("near_lesion", near_lesion=limits)
    assert after(FAR, settings, spacing_mm=(1.0, 5.0, 1.0), lesion=(0.0, 0.0, 0.0)) == kept


def test_the_distance_is_measured_from_the_closest_one():
    settings = chain("near_lesion", near_lesion={"voxels": 4.5})
    assert after(FAR, settings, lesion=(0.0, 0.0, 8.0)) == ["...##...#", ".........", "........."]


def test_the_closest_in_mm_is_kept_even_where_another_is_closer_in_voxels():
    probability = drawing(
        ".....9",
        "......",
        "9.....",
    )  # from (0, 0, 0): 5 and 2 voxels, 5 and 20 mm
    settings = chain("near_lesion", near_lesion={"voxels": 1, "mm": 1})
    kept = after(probability, settings, spacing_mm=(1.0, 10.0, 1.0), lesion=(0.0, 0.0, 0.0))
    assert kept == [".....#", "......", "......"]


def test_without_a_lesion_nothing_is_removed():
    settings = chain("near_lesion", near_lesion={"voxels": 1})
    assert after(FAR, settings, lesion=None) == ["#..##...#", ".........", "#........"]


def test_growing_adds_all_that_is_connected_above_the_lower_threshold():
    probability = drawing(
        "3344..33",
        "...93...",
        "2.4..4.3",
    )
    assert after(probability, chain("grow", grow={"threshold": 0.3})) == ["####....", "...##...", "..#..#.."]
    assert after(probability, chain("grow", grow={"threshold": 0.4})) == ["..##....", "...#....", "..#....."]


def test_components_that_grow_together_are_one_from_then_on():
    probability = drawing("9.939..99.9")
    settings = chain("grow", "remove_small", grow={"threshold": 0.3}, remove_small={"voxels": 3})
    assert after(probability, settings) == ["..###......"]
    settings = chain("remove_small", "grow", grow={"threshold": 0.3}, remove_small={"voxels": 2})
    assert after(probability, settings) == [".......##.."]


def shell(*leaks: tuple[int, int, int]) -> np.ndarray:
    """A hollow cube [5, 5, 5] of 3×3×3 voxels, in the middle, without some."""
    mask = np.zeros((5, 5, 5), bool)
    mask[1:4, 1:4, 1:4] = True
    mask[2, 2, 2] = False
    for leak in leaks:
        mask[leak] = False
    return mask


@pytest.mark.parametrize(
    ("leaks", "filled"),
    [([], True), ([(1, 1, 1)], True), ([(1, 1, 2)], True), ([(1, 2, 2)], False)],
    ids=["closed", "open at a corner", "open at an edge", "open at a face"],
)
def test_a_hole_is_what_no_path_of_face_neighbours_leads_out_of(leaks, filled):
    mask = fill_holes(shell(*leaks))
    expected = shell(*leaks)
    expected[2, 2, 2] = filled
    np.testing.assert_array_equal(mask, expected)


def test_a_hollow_at_the_border_of_the_volume_is_no_hole():
    assert fill_holes(shell()[2:]).sum() == shell()[2:].sum()
    assert fill_holes(shell()[1:4, 1:4, 1:4]).sum() == 27


def test_what_grows_from_a_filled_hole_is_connected_to_it():
    # A wall of the six face neighbours only: the corner at (1, 1, 1) touches the hole, and the wall.
    probability = np.zeros((5, 5, 5), np.float32)
    for face in [(1, 2, 2), (3, 2, 2), (2, 1, 2), (2, 3, 2), (2, 2, 1), (2, 2, 3)]:
        probability[face] = 0.9
    probability[1, 1, 1] = probability[0, 0, 0] = 0.3
    settings = chain("fill_holes", "grow", grow={"threshold": 0.3})
    assert postprocess(probability, settings, StepContext((1.0, 1.0, 1.0))).sum() == 6 + 1 + 2


def test_a_lesion_outside_of_the_map_is_measured_from():
    settings = chain("near_lesion", near_lesion={"voxels": 1.0})
    assert after(drawing("9...9.9"), settings, lesion=(0.0, 0.0, 20.5)) == ["......#"]
