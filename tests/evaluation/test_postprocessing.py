"""The chain as a whole: what holds whatever the steps, and a plain implementation that it equals."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from drawn_maps import SIZES, STEPS, after, chain, drawing
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import StepContext

TOUCHING = np.ones((3, 3, 3))


@pytest.mark.parametrize("order", [STEPS, STEPS[::-1]])
@pytest.mark.parametrize("shape", [(3, 4, 5), (0, 4, 5)])
def test_nothing_above_the_threshold_stays_nothing(shape, order):
    probability = np.full(shape, 0.45, np.float32)
    settings = chain(*order, threshold=0.5, grow={"threshold": 0.4}, remove_small={"voxels": 2})
    mask = postprocess(probability, settings, StepContext((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
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
    postprocess(SIZES, chain(*STEPS), StepContext((1.0, 1.0, 1.0)))
    np.testing.assert_array_equal(SIZES, before)


def test_a_column_across_slices_is_one_component():
    probability = np.zeros((3, 1, 1), np.float32)
    probability[:2] = 1
    settings = chain("fill_holes", "remove_small", remove_small={"voxels": 2})
    assert postprocess(probability, settings, StepContext((1.0, 1.0, 1.0))).sum() == 2


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
    mask = postprocess(probability, setting, StepContext(spacing_mm, lesion))
    np.testing.assert_array_equal(mask, plainest(probability, setting, spacing_mm, lesion))
