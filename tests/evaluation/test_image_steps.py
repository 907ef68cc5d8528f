"""The steps that see images, on maps that one can draw and against a plain reading with SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawn_maps import chain, drawing, drawn
from scipy import ndimage

from study.config import Postprocessing
from study.evaluation.images import Bound, ImageValues
from study.evaluation.postprocessing import in_words, postprocess
from study.evaluation.steps import StepContext
from study.evaluation.steps.context import images_read
from study.imaging.values import NO_VALUE

PROBABILITY = drawing(
    "994.66..9",
    "9.4....99",
    "..45...99",
)
ADC = drawing(  # tenths of 10⁻³ mm²/s; `.` is outside of the brain
    "586.55..9",
    "5.9....9.",
    "..94...99",
)


def thousandths(tenths: np.ndarray) -> np.ndarray:
    return np.where(tenths == 0, NO_VALUE, np.rint(tenths * 1000)).astype(np.int16)


def context(tenths: np.ndarray = ADC, name: str = "ADC") -> StepContext:
    return StepContext((1.0, 1.0, 1.0), None, (ImageValues(name, thousandths(tenths)),))


def after(settings: Postprocessing, seen: StepContext | None = None) -> list[str]:
    return drawn(postprocess(PROBABILITY, settings, seen or context()))


PLAIN = ["##..##..#", "#......##", "...#...##"]


def test_the_mask_without_a_step_that_sees_images():
    assert after(chain()) == PLAIN


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"high": 0.6}, ["##..##...", "#........", "...#....."]),  # means 0.6, 0.5, 0.4 and 0.9
        ({"high": 0.59}, ["....##...", ".........", "...#....."]),
        ({"low": 0.6}, ["##......#", "#......##", ".......##"]),
        ({"low": 0.45, "high": 0.55}, ["....##...", ".........", "........."]),
        ({"low": 0.0, "high": 3.0}, PLAIN),
    ],
)
def test_components_are_removed_by_their_mean(limits, kept):
    assert after(chain("intensity", intensity=limits)) == kept


def test_a_component_without_any_value_is_kept():
    outside = np.zeros_like(ADC)
    assert after(chain("intensity", intensity={"high": 0.1}), context(outside)) == PLAIN


@pytest.mark.parametrize(
    ("seeds", "taken"),
    [
        # the seed of 0.5 grows through 0.8 and 0.9, not to the right, where no voxel is dark
        ({}, ["###......", "#.#......", "..##....."]),
        ({"grow_bound": 0.8}, ["###......", "#........", "........."]),
        ({"grow_bound": 0.8, "grow_threshold": 0.6}, ["##.......", "#........", "........."]),
        ({"threshold": 0.5}, ["###.##...", "#.#......", "..##....."]),
        ({"bound": 0.4}, [".........", ".........", "........."]),
        ({"bound": 0.9}, ["###.....#", "#.#....#.", "..##...##"]),
        # one is outside of the brain, and no bound holds there
        ({"bound": 3.0, "grow_bound": 3.0}, ["###.....#", "#.#....#.", "..##...##"]),
        ({"side": "above", "bound": 0.8, "grow_bound": 0.6}, [".##.....#", "..#....#.", "..#....##"]),
    ],
)
def test_what_grows_from_seeds(seeds, taken):
    settings = chain("seeds", seeds={"bound": 0.5, "grow_bound": 0.9, **seeds})
    assert after(settings) == taken == plain_seeds(settings, thousandths(ADC))


def plain_seeds(settings: Postprocessing, values: np.ndarray) -> list[str]:
    """By SciPy: components within the outer bound that hold a seed."""
    seeds, known = settings.seeds, values != NO_VALUE
    sign = 1 if seeds.side == "below" else -1
    number = values.astype(float) / 1000
    around = (
        np.greater(PROBABILITY, seeds.grow_threshold - 1e-6)
        & known
        & (sign * number <= sign * seeds.grow_bound)
    )
    labels, count = ndimage.label(around, np.ones((3, 3, 3)))
    first = np.greater(PROBABILITY, max(seeds.threshold, settings.threshold) - 1e-6)
    sure = first & around & (sign * number <= sign * seeds.bound)
    return drawn(np.isin(labels, [label for label in range(1, count + 1) if sure[labels == label].any()]))


def test_a_threshold_above_that_of_seeds_holds_for_seeds_too():
    settings = chain("seeds", threshold=0.95, seeds={"threshold": 0.5, "grow_bound": 1.0})
    assert after(settings) == ["." * 9] * 3


@pytest.mark.parametrize("step", ["intensity", "seeds"])
def test_a_subject_that_is_not_given_the_image_skips_the_step(step):
    settings = chain(step, intensity={"high": 0.1}, seeds={"bound": 0.1})
    assert after(settings) != PLAIN
    assert after(settings, StepContext((1.0, 1.0, 1.0))) == PLAIN
    assert after(settings, context(ADC, "DWI")) == PLAIN


@pytest.mark.parametrize(
    ("side", "held"), [("below", [True, True, False, False]), ("above", [False, True, True, False])]
)
def test_a_bound_holds_at_itself_and_nowhere_outside_of_the_brain(side, held):
    values = np.array([599, 600, 601, NO_VALUE], np.int16)
    assert Bound.of("ADC", side, 0.6).holds(values).tolist() == held
    assert not Bound.of("ADC", side, -32 if side == "above" else 32).holds(values)[-1]


def test_the_images_that_a_chain_reads():
    both: dict[str, Any] = {"intensity": {"modality": "DWI", "low": 1.0}}
    assert images_read(chain(**both)) == ()
    assert images_read(chain("seeds", "intensity", **both)) == ("ADC", "DWI")
    assert images_read(chain("seeds", "intensity", intensity={"low": 1.0})) == ("ADC",)


def test_steps_in_words():
    words = in_words(chain("seeds", "intensity", intensity={"modality": "DWI", "low": 1.0}))
    assert words[1:] == [
        "of these, voxels with a probability of at least 0.9 and ADC at most 0.6·10⁻³ mm²/s are seeds; taken is what "
        "is connected to a seed through a probability of at least 0.3 and ADC at most 1·10⁻³ mm²/s; skipped where ADC "
        "is not given",
        "components whose mean DWI is below 1 (normalised) are removed; skipped where DWI is not given",
    ]
    limits = {"intensity": {"low": 0.2, "high": 0.75}}
    assert (
        "mean ADC is below 0.2·10⁻³ mm²/s or above 0.75·10⁻³ mm²/s"
        in in_words(chain("intensity", **limits))[-1]
    )
