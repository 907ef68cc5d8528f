"""Each channel by hand and against independent implementations."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from models.threshold.network import ThresholdRule
from models.threshold.plan import ThresholdPlan
from study.config.parts import find_part
from study.imaging.channels.channel import Sources
from study.imaging.channels.local_contrast import LOCAL_MM, mean_around

SPACING_MM = (5.0, 2.0, 2.5)
SHAPE = (5, 9, 8)


def sources(inside: np.ndarray | None = None, b_s_mm2: float = 1000.0, **images: np.ndarray) -> Sources:
    shape = next(iter(images.values())).shape
    everywhere = np.ones(shape, bool)
    single = {name: image.astype(np.float32) for name, image in images.items()}
    return Sources(single, everywhere if inside is None else inside, SPACING_MM, b_s_mm2)


def compute(name: str, given: Sources, way: int = 0) -> np.ndarray:
    return find_part("channels", name).ways[way].compute(given)


def brain(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(50, 150, SHAPE), rng.random(SHAPE) < 0.7


def mean_by_hand(image: np.ndarray, inside: np.ndarray, deviation_mm: float) -> np.ndarray:
    """Voxel by voxel: the weighted mean over all voxels of the brain in reach of three deviations."""
    reach = [math.ceil(3 * deviation_mm / side) for side in SPACING_MM]
    found = np.zeros(SHAPE)
    for voxel in product(*map(range, SHAPE)):
        total = weights = 0.0
        for other in zip(*np.nonzero(inside), strict=True):
            steps = [abs(int(a) - b) for a, b in zip(other, voxel, strict=True)]
            if any(step > far for step, far in zip(steps, reach, strict=True)):
                continue
            squared_mm = sum((step * side) ** 2 for step, side in zip(steps, SPACING_MM, strict=True))
            weight = math.exp(-squared_mm / (2 * deviation_mm**2))
            total, weights = total + weight * image[other], weights + weight
        found[voxel] = total / weights if weights else 0
    return found


@pytest.mark.parametrize("deviation_mm", [3.0, 12.0])
def test_the_mean_around_a_voxel_is_that_of_the_brain_alone(deviation_mm: float) -> None:
    image, inside = brain()
    found = mean_around(image.astype(np.float32), inside, deviation_mm, SPACING_MM)
    assert_allclose(found[inside], mean_by_hand(image, inside, deviation_mm)[inside], rtol=1e-5)


def test_local_contrast_is_an_image_over_its_mean_within_12_mm() -> None:
    image, inside = brain()
    found = compute("local_contrast", sources(inside, DWI=image))
    assert_allclose(found[inside], (image / mean_by_hand(image, inside, 12.0))[inside], rtol=1e-5)
    scaled = compute("local_contrast", sources(inside, DWI=7 * image))
    assert_allclose(scaled[inside], found[inside], rtol=1e-5)  # whatever the scanner's scale


def test_local_contrast_is_what_the_rule_without_training_looks_at() -> None:
    image, inside = brain(1)
    contrast = 1.0
    plan = ThresholdPlan(("DWI",), 2, SHAPE, SPACING_MM, LOCAL_MM, 0.0, contrast, 0.65)
    x = torch.from_numpy(np.where(inside, image / image[inside].mean(), 0).astype(np.float32))
    margin = ThresholdRule(plan)(x[None, None])[0, 1].numpy()  # (ratio - contrast) / 0.1
    found = compute("local_contrast", sources(inside, DWI=image))
    assert_allclose(found[inside], (0.1 * margin + contrast)[inside], rtol=1e-4)


def test_without_signal_around_there_is_no_contrast() -> None:
    image = np.zeros((3, 30, 3))
    image[:, 26:] = 100.0
    found = compute("local_contrast", sources(DWI=image))
    assert_array_equal(found[:, :5], 0)
    assert np.isfinite(found).all()


def test_exponential_adc_by_hand_in_both_ways() -> None:
    adc, b0 = np.array([[[0.7, 0.0, 3.0]]]), np.array([[[100.0, 50.0, 300.0]]])
    dwi = b0 * np.exp(-0.8 * adc)  # b = 800 s/mm²; ADC in 10⁻³ mm²/s
    expected = [[[math.exp(-0.56), 1.0, math.exp(-2.4)]]]
    assert_allclose(compute("exponential_adc", sources(DWI=dwi, B0=b0)), expected, rtol=1e-5)
    assert_allclose(compute("exponential_adc", sources(b_s_mm2=800.0, ADC=adc), 1), expected, rtol=1e-5)


def test_exponential_adc_has_bounds() -> None:
    dwi, b0 = np.array([[[5.0, 5.0, 0.0, 0.0]]]), np.array([[[2.0, 0.0, 4.0, 0.0]]])
    assert_array_equal(compute("exponential_adc", sources(DWI=dwi, B0=b0)), [[[1, 0, 0, 0]]])
    assert_array_equal(compute("exponential_adc", sources(ADC=np.array([[[-0.5, 1e6]]])), 1), [[[1, 0]]])


def test_the_ways_to_a_channel_and_what_they_take() -> None:
    taken = {
        name: [way.sources for way in find_part("channels", name).ways]
        for name in ("local_contrast", "exponential_adc", "left_right")
    }
    assert taken == {
        "local_contrast": [("DWI",)],
        "exponential_adc": [("DWI", "B0"), ("ADC",)],
        "left_right": [("DWI",)],
    }
