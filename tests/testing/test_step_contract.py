"""Our steps keep the contract of steps, and a step that breaks it fails the check."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from study.config.parts import PARTS
from study.evaluation import fast_chain, postprocessing
from study.evaluation.metrics import dice
from study.evaluation.metrics.distance import SurfaceDistances
from study.evaluation.steps import find_step
from study.testing import steps
from study.testing.metrics import check_metric
from study.testing.steps import check_step

SETTINGS: dict[str, Any] = {
    "intensity": {"low": 0.5, "high": 0.9},
    "seeds": {"threshold": 0.7, "bound": 0.6, "grow_threshold": 0.3, "grow_bound": 1.0},
    "remove_small": {"voxels": 3, "ml": 0.01},
    "keep_biggest": {"ratio": 0.4},
    "near_lesion": {"voxels": 2.0, "mm": 3.0},
    "grow": {"threshold": 0.2},
}


@pytest.mark.parametrize("name", PARTS["steps"])
def test_our_steps_keep_the_contract(name: str) -> None:
    check_step(name, SETTINGS)


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"apply": lambda mask, *_: mask[1:]}, "must give a mask"),
        ({"apply": lambda mask, *_: mask.astype(np.uint8)}, "must give booleans"),
        ({"apply": lambda mask, *_: np.logical_or(mask, True, out=mask)}, "must leave the mask"),
        ({"apply": lambda mask, *_: ~mask}, "must leave an empty mask empty"),
        ({"words": lambda _: None}, "must be text"),
        ({"on_components": lambda components, *_: components}, "must count what apply leaves"),
    ],
)
def test_a_faulty_step_is_told_so(faults: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = replace(find_step("fill_holes"), **faults)
    for module in (steps, fast_chain, postprocessing):
        monkeypatch.setattr(
            module, "find_step", lambda name: faulty if name == "fill_holes" else find_step(name)
        )
    with pytest.raises(AssertionError, match=told):
        check_step("fill_holes", SETTINGS)


@pytest.mark.parametrize(
    "metric",
    [
        lambda a, b, _: dice(a, b, "nan"),
        lambda a, b, spacing_mm: SurfaceDistances.of(a, b, spacing_mm).hd95_mm,
        lambda a, b, _: 1,
    ],
    ids=["dice", "hd95", "constant"],
)
def test_a_metric_is_a_number_for_any_masks(metric: Any) -> None:
    check_metric(metric)


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (lambda a, b, _: a.sum((1, 2)), "both masks empty: a metric must be one number"),
        (lambda a, b, _: np.logical_not(a, out=a).sum(), "must leave both masks as they are"),
        (partial(lambda rng, a, b, _: rng.random(), np.random.default_rng(0)), "the same value again"),
    ],
)
def test_a_faulty_metric_is_told_so(metric: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_metric(metric)
