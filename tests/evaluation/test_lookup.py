from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.config import Postprocessing
from study.evaluation.kept import KeptCase, keep
from study.evaluation.lookup import DiceLookup, level_of
from study.evaluation.metrics import dice
from study.evaluation.postprocessing import postprocess

SPACING_MM = (5.0, 2.0, 2.0)  # 0.02 mL


def kept(probability: np.ndarray, reference: np.ndarray) -> KeptCase:
    return keep(
        probability.astype(np.float32),
        reference,
        key="A-0001",
        center="A",
        subset="DWI",
        removed="",
        spacing_mm=SPACING_MM,
    )


def smooth(seed: int, shape: tuple[int, int, int]) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 0.8)
    return np.clip(0.2 + noise * 1.5, 0, 1)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    thousandths=st.integers(20, 999),
    min_volume_ml=st.one_of(st.just(0.0), st.floats(0, 0.6), st.integers(0, 20).map(lambda n: n * 0.02)),
    share=st.sampled_from([0.0, 0.05, 0.3]),
    empty_dice=st.sampled_from(["nan", "one"]),
)
def test_equals_post_processing_the_original_and_counting(
    seed, thousandths, min_volume_ml, share, empty_dice
):
    probability = smooth(seed, (5, 9, 8)).astype(np.float32)
    reference = np.random.default_rng(seed + 1).random(probability.shape) < share
    setting = Postprocessing(threshold=thousandths / 1000, min_volume_ml=min_volume_ml)
    expected = dice(reference, postprocess(probability, setting, 0.02), empty_dice)
    np.testing.assert_equal(DiceLookup(kept(probability, reference), empty_dice).dice(setting), expected)


def test_a_drawn_case():
    probability = np.array([[[0.9, 0.9, 0.0, 0.6, 0.0, 0.0, 0.3]]])
    reference = np.array([[[True, False, False, False, False, False, True]]])
    lookup = DiceLookup(kept(probability, reference), "one")
    assert lookup.dice(Postprocessing(threshold=0.2)) == pytest.approx(2 * 2 / (4 + 2))
    assert lookup.dice(Postprocessing(threshold=0.5)) == pytest.approx(2 * 1 / (3 + 2))
    assert lookup.dice(Postprocessing(threshold=0.5, min_volume_ml=0.03)) == pytest.approx(2 * 1 / (2 + 2))
    assert lookup.dice(Postprocessing(threshold=0.5, min_volume_ml=0.05)) == 0
    assert lookup.dice(Postprocessing(threshold=0.95)) == 0


def test_reference_outside_of_what_is_kept_counts():
    probability = np.zeros((1, 1, 9))
    probability[0, 0, 0] = 1
    reference = np.zeros((1, 1, 9), bool)
    reference[0, 0, [0, 7, 8]] = True
    assert DiceLookup(kept(probability, reference), "one").dice(Postprocessing()) == pytest.approx(2 / 4)


@pytest.mark.parametrize(("empty_dice", "expected"), [("one", 1.0), ("nan", np.nan)])
def test_nothing_probable_and_nothing_there(empty_dice, expected):
    case = kept(np.zeros((2, 3, 4)), np.zeros((2, 3, 4), bool))
    np.testing.assert_equal(DiceLookup(case, empty_dice).dice(Postprocessing(min_volume_ml=1)), expected)


@pytest.mark.parametrize(
    ("threshold", "level"), [(0.5, 500), (0.7, 700), (0.0701, 71), (0.0209, 21), (0.001, 20), (0.999, 999)]
)
def test_levels_of_thresholds(threshold, level):
    assert level_of(threshold) == level
