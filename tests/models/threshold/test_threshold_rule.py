"""The rule without training, against a plain reading with SciPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from models import Scans, build_model, plan_model
from models.threshold.plan import ThresholdPlan
from study.config import Model

SPACING_MM = (4.0, 2.0, 1.0)
SHAPE = (7, 12, 15)
PLAN = ThresholdPlan(("B0", "ADC", "DWI"), 2, SHAPE, SPACING_MM, 6.0, 1.0, 1.2, 0.65)


def images(seed: int = 0) -> np.ndarray:
    """B0, ADC and DWI [3, D, H, W] in an ellipsoid, with a bright dark spot; 0 outside."""
    rng = np.random.default_rng(seed)
    found = rng.uniform(0.7, 1.3, (3, *SHAPE)).astype(np.float32)
    found[1, 2:5, 4:8, 5:9], found[2, 2:5, 4:8, 5:9] = 0.4, 2.0
    middle = [(side - 1) / 2 for side in SHAPE]
    squares = [
        ((axis - at) / at) ** 2 for axis, at in zip(np.ogrid[[slice(n) for n in SHAPE]], middle, strict=True)
    ]
    return np.where(sum(squares) <= 1.2, found, 0)


def blurred(image: np.ndarray, deviation_mm: float) -> np.ndarray:
    """The Gaussian mean of what is not 0, by SciPy."""
    inside = (image != 0).astype(float)
    sigma = [deviation_mm / side for side in SPACING_MM]
    radius = [int(np.ceil(3 * one)) for one in sigma]
    total, weight = (
        ndimage.gaussian_filter(one, sigma, mode="constant", radius=radius)
        for one in (image * inside, inside)
    )
    return total / np.maximum(weight, 1e-6)


def rule(x: np.ndarray, plan: ThresholdPlan = PLAN) -> np.ndarray:
    """Where the network puts a probability of a half or more."""
    with torch.no_grad():
        logits = build_model("threshold", plan)(torch.from_numpy(x[None]))[0]
    return (logits[1] >= logits[0]).numpy()


def plain(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a voxel is locally bright, and where it is dark."""
    _, adc, dwi = x.astype(np.float64)
    bright = blurred(dwi, 1.0) >= 1.2 * blurred(dwi, 6.0)
    return bright & (dwi != 0), (blurred(adc, 1.0) <= 0.65) & (adc != 0)


def test_a_half_is_the_rule_itself() -> None:
    x = images()
    bright, dark = plain(x)
    assert 20 < (bright & dark).sum() < bright.sum()
    np.testing.assert_array_equal(rule(x), bright & dark)


@pytest.mark.parametrize("removed", [1, 2])
def test_without_one_of_the_two_the_other_decides_alone(removed: int) -> None:
    x = images()
    bright, dark = plain(x)
    x[removed] = 0
    np.testing.assert_array_equal(rule(x), bright if removed == 1 else dark)
    network = replace(PLAN, modalities=("B0", "DWI") if removed == 1 else ("B0", "ADC"))
    np.testing.assert_array_equal(rule(np.delete(x, removed, 0), network), rule(x))


def test_with_neither_nothing_is_found_and_the_brightness_of_a_scanner_does_not_matter() -> None:
    x = images()
    gain = np.array([1, 1, 50], np.float32)[:, None, None, None]
    np.testing.assert_array_equal(rule(x * gain), rule(x))
    x[1:] = 0
    assert not rule(x).any()


def test_a_higher_probability_asks_for_both_limits_at_once() -> None:
    x = images()
    with torch.no_grad():
        logits = build_model("threshold", PLAN)(torch.from_numpy(x[None]))[0]
    further = (logits[1] - logits[0] >= 2.0).numpy()
    np.testing.assert_array_equal(further, rule(x, replace(PLAN, contrast=1.4, adc=0.55)))


def planned(scans: Scans, **rule: float) -> ThresholdPlan:
    plan = plan_model(
        "threshold", Model.model_validate({"name": "threshold", "rule": rule}).model_dump(), scans
    )
    assert isinstance(plan, ThresholdPlan)
    return plan


def test_a_plan_holds_the_settings_and_a_window_for_whole_subjects() -> None:
    plan = planned(Scans(("DWI", "ADC"), (20, 40, 30), SPACING_MM, 1), contrast=1.3)
    assert plan.patch_size == (25, 50, 38)
    assert (plan.contrast, plan.adc, plan.local_mm, plan.smooth_mm) == (1.3, 0.65, 12.0, 1.0)
    assert plan.spacing_mm == SPACING_MM


@pytest.mark.parametrize(
    ("scans", "complaint"),
    [
        (Scans(("SWAN", "PHASE"), (8, 8, 8), SPACING_MM, 1), r"reads DWI and ADC, and none .* is among SWAN, PHASE"),
        (Scans(("DWI",), (8, 8, 8), SPACING_MM, 1, n_classes=3), r"one region, got 2"),
    ],
)  # fmt: skip
def test_what_the_rule_cannot_segment_is_refused(scans: Scans, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        planned(scans)
