from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.config import Postprocessing
from study.evaluation.postprocessing import Subject, fill_holes, postprocess

TOUCHING = np.ones((3, 3, 3))
STEPS = ("remove_small", "keep_biggest", "near_lesion", "grow", "fill_holes")
ML_VOXELS = (10.0, 10.0, 10.0)  # voxel sides of 1 mL voxels


def chain(*steps: str, **settings) -> Postprocessing:
    return Postprocessing(steps=("threshold", *steps), **settings)


def drawing(*rows: str) -> np.ndarray:
    """One slice [1, H, W] of probabilities in tenths; `.` is 0."""
    return np.array(
        [[[0 if sign == "." else int(sign) / 10 for sign in row] for row in rows]], dtype=np.float32
    )


def drawn(mask: np.ndarray) -> list[str]:
    return ["".join("#" if voxel else "." for voxel in row) for row in mask[0]]


def after(probability, settings, *, spacing_mm=(1.0, 1.0, 1.0), lesion=None) -> list[str]:
    return drawn(postprocess(probability, settings, Subject(spacing_mm, lesion)))


SIZES = drawing(
    "9999..9",
    "......9",
    "9......",
    "...99..",
)  # 4, 2, 1 and 2 voxels


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
        probability, chain("keep_biggest", keep_biggest={"ratio": 0.07}), Subject((1.0, 1.0, 1.0))
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
    assert postprocess(probability, settings, Subject((1.0, 1.0, 1.0))).sum() == 6 + 1 + 2


@pytest.mark.parametrize("order", [STEPS, STEPS[::-1]])
@pytest.mark.parametrize("shape", [(3, 4, 5), (0, 4, 5)])
def test_nothing_above_the_threshold_stays_nothing(shape, order):
    probability = np.full(shape, 0.45, np.float32)
    settings = chain(*order, threshold=0.5, grow={"threshold": 0.4}, remove_small={"voxels": 2})
    mask = postprocess(probability, settings, Subject((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
    assert mask.shape == shape
    assert not mask.any()


def test_one_voxel_is_a_component_like_others():
    alone = drawing("...9...")
    far = {"lesion": (0.0, 0.0, 0.0)}
    settings = chain(*STEPS, keep_biggest={"ratio": 1.0}, near_lesion={"voxels": 0.0})
    assert after(alone, settings, **far) == ["...#..."]
    assert after(alone, chain("remove_small", remove_small={"voxels": 1})) == ["...#..."]
    assert after(alone, chain("remove_small", remove_small={"voxels": 2})) == ["......."]
    assert after(drawing("9..33.9"), chain("near_lesion", "grow", near_lesion={"voxels": 5.0}), **far) == [
        "#......"
    ]


def test_a_lesion_outside_of_the_map_is_measured_from():
    settings = chain("near_lesion", near_lesion={"voxels": 1.0})
    assert after(drawing("9...9.9"), settings, lesion=(0.0, 0.0, 20.5)) == ["......#"]


def test_the_limits_in_ml_and_mm_are_those_of_each_subject_s_spacing():
    probability = drawing("9...99")
    settings = chain("remove_small", remove_small={"ml": 0.002})
    assert after(probability, settings, spacing_mm=(1.0, 1.0, 1.0)) == ["....##"]
    assert after(probability, settings, spacing_mm=(2.0, 1.0, 1.0)) == ["#...##"]
    assert after(probability, settings, spacing_mm=(0.5, 1.0, 1.0)) == ["......"]
    settings = chain("near_lesion", near_lesion={"voxels": None, "mm": 5.0})
    for side_mm, kept in ((1.0, "#...##"), (2.0, "#.....")):
        assert after(probability, settings, spacing_mm=(1.0, 1.0, side_mm), lesion=(0.0, 0.0, 0.0)) == [kept]


def test_what_is_not_a_number_is_below_any_threshold():
    assert after(np.array([[[0.9, np.nan, 0.4]]], np.float32), chain("grow", threshold=0.5)) == ["#.."]


def test_the_probability_is_left_as_it_was():
    before = SIZES.copy()
    postprocess(SIZES, chain(*STEPS), Subject((1.0, 1.0, 1.0)))
    np.testing.assert_array_equal(SIZES, before)


def test_a_column_across_slices_is_one_component():
    probability = np.zeros((3, 1, 1), np.float32)
    probability[:2] = 1
    settings = chain("fill_holes", "remove_small", remove_small={"voxels": 2})
    assert postprocess(probability, settings, Subject((1.0, 1.0, 1.0))).sum() == 2


def plainest(probability, settings, spacing_mm, lesion):
    """Component by component, with SciPy."""
    mask = probability >= np.float32(settings.threshold)
    for step in settings.steps[1:]:
        labels, count = ndimage.label(mask, TOUCHING)
        components = [labels == number for number in range(1, count + 1)]
        if step == "fill_holes":
            mask = ndimage.binary_fill_holes(mask)
            continue
        if step == "grow":
            allowed = mask | (probability >= np.float32(settings.grow.threshold))
            mask = ndimage.binary_dilation(mask, TOUCHING, iterations=-1, mask=allowed) if count else mask
            continue
        if step == "remove_small":
            limits = settings.remove_small
            ml = np.prod(spacing_mm) / 1000
            keep = [c for c in components if c.sum() >= limits.voxels and c.sum() * ml >= limits.ml - 1e-9]
        elif step == "keep_biggest":
            biggest = max((c.sum() for c in components), default=0)
            keep = [c for c in components if c.sum() / biggest >= settings.keep_biggest.ratio - 1e-9]
        elif lesion is None or not components:
            continue
        else:
            apart = [np.array(ndimage.center_of_mass(c)) - lesion for c in components]
            voxels = [np.linalg.norm(a) for a in apart]
            mm = [np.linalg.norm(a * spacing_mm) for a in apart]
            limits = settings.near_lesion
            closest = int(np.argmin(mm if limits.mm is not None else voxels))
            keep = [
                c
                for c, v, m in zip(components, voxels, mm, strict=True)
                if (limits.voxels is None or v <= voxels[closest] + limits.voxels + 1e-9)
                and (limits.mm is None or m <= mm[closest] + limits.mm + 1e-9)
            ]
        mask = np.any(keep, axis=0) if keep else np.zeros_like(mask)
    return mask


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    steps=st.sampled_from([order for n in range(6) for order in permutations(STEPS, n)]),
    threshold=st.sampled_from([0.3, 0.5, 0.7]),
    lower=st.sampled_from([0.1, 0.3]),
    voxels=st.integers(0, 5),
    ratio=st.sampled_from([0.2, 0.5, 1.0]),
    near=st.sampled_from([{"voxels": 2.0}, {"voxels": None, "mm": 2.7}, {"voxels": 2.2, "mm": 4.1}]),
    has_lesion=st.booleans(),
)
def test_equals_the_plainest_way(seed, steps, threshold, lower, voxels, ratio, near, has_lesion):
    rng = np.random.default_rng(seed)
    probability = rng.random((5, 6, 7), dtype=np.float32)
    spacing_mm = (3.1, 1.0, 1.3)
    lesion = tuple(rng.random(3) * 5) if has_lesion else None  # no ties of distances
    setting = chain(
        *steps,
        threshold=threshold,
        grow={"threshold": lower},
        remove_small={"voxels": voxels, "ml": 0.009},
        keep_biggest={"ratio": ratio},
        near_lesion=near,
    )
    mask = postprocess(probability, setting, Subject(spacing_mm, lesion))
    np.testing.assert_array_equal(mask, plainest(probability, setting, spacing_mm, lesion))
