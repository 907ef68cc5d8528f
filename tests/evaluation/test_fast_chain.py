from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from builders import availability
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.config import Postprocessing
from study.evaluation import fast_chain
from study.evaluation.component_lists import levels_of
from study.evaluation.fast_chain import FastChain
from study.evaluation.kept import KeptCase, keep
from study.evaluation.metrics import dice
from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import StepContext, find_step

STEPS = ("remove_small", "keep_biggest", "near_lesion", "grow", "fill_holes")
ORDERS = [("threshold", *order) for n in range(6) for order in itertools.permutations(STEPS, n)]
PALETTE = np.array([0.0, 0.0004, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 1.0])


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.random(shape)


def smooth(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return 0.4 + 1.5 * ndimage.gaussian_filter(rng.normal(size=shape), 1.0)


def plateaus(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice(PALETTE, shape)


def specks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.random(shape) * (rng.random(shape) < 0.1)


def shells(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Hollow boxes around boxes, two nests side by side, with some voxels changed: holes, islands in holes, leaks."""
    values = np.zeros(shape)
    for nest in np.array_split(values, 2, axis=int(rng.integers(3))):
        if nest.size:
            middle = np.array(nest.shape)[:, None, None, None] // 2
            radius = np.abs(np.indices(nest.shape) - middle).max(0)
            nest[...] = rng.choice(PALETTE, radius.max() + 1)[radius]
    return np.where(rng.random(shape) < rng.choice([0.0, 0.02, 0.1]), rng.choice(PALETTE, shape), values)


def empty(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.zeros(shape)


def draw_maps(seed: int) -> tuple[list[np.ndarray], list[KeptCase]]:
    """Maps of different kinds and sizes, as they were and as they are kept, some with a lesion."""
    rng = np.random.default_rng(seed)
    maps, kept = [], []
    for kind in rng.permutation([noise, smooth, plateaus, specks, shells, shells, empty])[:4]:
        shape = tuple(rng.integers(1, 14, 3))
        probability = np.clip(kind(rng, shape), 0, 1).astype(np.float32)
        reference = rng.random(shape) < rng.choice([0.0, 0.3])
        spacing_mm = tuple(rng.choice([0.7, 1.0, 2.0, 5.0], 3).tolist())
        at = [np.round(rng.random(3) * shape), rng.random(3) * shape][int(rng.integers(2))]  # ties or not
        lesion = None if rng.random() < 0.2 else tuple(at.tolist())
        maps.append(probability)
        kept.append(case_of(probability, reference, spacing_mm, lesion))
    return maps, kept


def case_of(
    probability: np.ndarray,
    reference: np.ndarray,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    lesion: tuple[float, float, float] | None = None,
) -> KeptCase:
    return keep(
        probability.astype(np.float32),
        reference,
        key="A-1",
        center="A",
        availability=availability("DWI"),
        spacing_mm=spacing_mm,
        lesion=lesion,
    )


@st.composite
def chains(draw: st.DrawFn, finest: int = 1) -> Postprocessing:
    """Any steps in any order; thresholds are multiples of 0.001 / finest."""
    levels = st.integers(finest, 999 * finest) | st.sampled_from([50, 100, 300, 500, 700]).map(
        lambda level: level * finest
    )
    threshold, lower = draw(levels), draw(levels)
    limit = st.none() | st.integers(0, 5).map(float) | st.floats(0, 9)
    voxels, mm = draw(limit), draw(limit)
    return Postprocessing(
        steps=draw(st.sampled_from(ORDERS)),
        threshold=max(threshold, lower) / (1000 * finest),
        grow={"threshold": min(threshold, lower) / (1000 * finest)},
        remove_small={
            "voxels": draw(st.integers(0, 8)),
            "ml": draw(st.sampled_from([0.0, 0.002, 0.01]) | st.floats(0, 0.05)),
        },
        keep_biggest={"ratio": draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1))},
        near_lesion={"voxels": 2.0 if voxels is None and mm is None else voxels, "mm": mm},
    )


def counts_of(maps, kept, setting) -> list[tuple[int, int]]:
    """The plain way: overlap and predicted voxels of each case."""
    masks = [
        postprocess(probability, setting, StepContext(case.spacing_mm, case.lesion))
        for probability, case in zip(maps, kept, strict=True)
    ]
    return [
        (int((mask & case.reference).sum()), int(mask.sum())) for mask, case in zip(masks, kept, strict=True)
    ]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), some=st.lists(chains(), min_size=8, max_size=16))
def test_counts_what_the_plain_chain_leaves_of_the_original_maps(seed, some):
    maps, kept = draw_maps(seed)
    overlap, predicted = FastChain(kept, 0.001, "one").counts(some)
    for number, setting in enumerate(some):
        counts = list(zip(overlap[number].tolist(), predicted[number].tolist(), strict=True))
        assert counts == counts_of(maps, kept, setting)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), some=st.lists(chains(finest=7), min_size=1, max_size=8))
def test_counts_what_the_plain_chain_leaves_of_kept_maps_at_any_threshold(seed, some):
    _, kept = draw_maps(seed)
    overlap, predicted = FastChain(kept, 0.001, "one").counts(some)
    for number, setting in enumerate(some):
        counts = list(zip(overlap[number].tolist(), predicted[number].tolist(), strict=True))
        assert counts == counts_of([case.probability() for case in kept], kept, setting)


def nest() -> np.ndarray:
    """From outside: a shell of 0.6, a hollow of 0.1, a shell of 0.8, a hollow of 0.3, and a core of 0.9."""
    radius = np.abs(np.indices((13, 13, 13)) - 6).max(0)
    return np.array([0.9, 0.3, 0.8, 0.1, 0.6, 0.0, 0.0])[radius]


SHELL, HOLLOW, MIDDLE, INNER, CORE = 9**3 - 7**3, 7**3 - 5**3, 5**3 - 3**3, 3**3 - 1, 1


@pytest.mark.parametrize(
    ("steps", "values", "predicted"),
    [
        ((), {}, SHELL + MIDDLE + CORE),
        (("fill_holes",), {}, 9**3),
        (("fill_holes",), {"threshold": 0.7}, 5**3),
        (("fill_holes",), {"threshold": 0.85}, CORE),
        (("near_lesion",), {}, SHELL + MIDDLE + CORE),  # all three have the same center
        (("keep_biggest", "fill_holes"), {}, 9**3),
        (("remove_small", "keep_biggest"), {}, SHELL),
        (("fill_holes", "remove_small"), {"remove_small": {"voxels": 9**3}}, 9**3),
        (("remove_small", "fill_holes"), {"remove_small": {"voxels": 9**3}}, 0),
        (("grow",), {"threshold": 0.7, "grow": {"threshold": 0.3}}, 5**3),
        (("grow",), {"threshold": 0.7, "grow": {"threshold": 0.1}}, 9**3),
        (("fill_holes", "grow"), {"threshold": 0.7, "grow": {"threshold": 0.4}}, 5**3),
        (("keep_biggest", "fill_holes", "grow"), {"threshold": 0.7, "grow": {"threshold": 0.1}}, 9**3),
        (("grow", "fill_holes"), {"threshold": 0.85, "grow": {"threshold": 0.85}}, CORE),
    ],
)
def test_a_drawn_nest_of_shells(steps, values, predicted):
    reference = nest() > 0.2
    case = case_of(nest(), reference, lesion=(6.0, 6.0, 6.0))
    setting = Postprocessing(steps=("threshold", *steps), **values)
    found = FastChain([case], 0.1, "one").counts([setting])[1]
    assert found.tolist() == [[predicted]]


def test_the_smallest_wall_holds_a_hole_and_what_touches_the_hole_grows_from_the_wall():
    probability = np.zeros((5, 5, 5), np.float32)
    for face in [(1, 2, 2), (3, 2, 2), (2, 1, 2), (2, 3, 2), (2, 2, 1), (2, 2, 3)]:
        probability[face] = 0.9
    probability[1, 1, 1] = probability[0, 0, 0] = 0.3
    case = case_of(probability, probability == 0)
    fast = FastChain([case], 0.2, "one")
    overlap, predicted = fast.counts(
        [
            Postprocessing(steps=steps, grow={"threshold": 0.3})
            for steps in [("threshold", "fill_holes"), ("threshold", "fill_holes", "grow")]
        ]
    )
    assert predicted.tolist() == [[7], [9]]
    assert overlap.tolist() == [[1], [1]]


def test_settings_of_different_steps_and_in_small_lots_come_back_in_order(monkeypatch):
    monkeypatch.setattr(fast_chain, "AT_ONCE", 20)
    maps, kept = draw_maps(0)
    some = [
        Postprocessing(steps=steps, threshold=threshold, grow={"threshold": 0.05})
        for threshold in (0.5, 0.06, 0.3)
        for steps in ORDERS[::40]
    ]
    _, predicted = FastChain(kept, 0.05, "one").counts(some)
    assert predicted.tolist() == [[n for _, n in counts_of(maps, kept, setting)] for setting in some]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_arithmetic_on_components_is_applied_to_the_kept_maps(step, monkeypatch):
    _, kept = draw_maps(3)
    some = [
        Postprocessing(steps=("threshold", *steps), remove_small={"voxels": 3})
        for steps in [(), (step,), ("remove_small", "fill_holes", "grow")]
    ]
    before = FastChain(kept, 0.001, "one").counts(some)
    plain = replace(find_step(step), on_components=None)
    monkeypatch.setattr(fast_chain, "find_step", lambda name: plain if name == step else find_step(name))
    np.testing.assert_array_equal(FastChain(kept, 0.001, "one").counts(some), before)
    assert before[1].any()


@pytest.mark.parametrize(("empty_dice", "if_empty"), [("one", 1.0), ("nan", np.nan)])
def test_the_dice_are_those_of_the_masks(empty_dice, if_empty):
    maps, kept = draw_maps(5)
    nothing = np.zeros((2, 3, 4), np.float32)
    maps.append(nothing)
    kept.append(case_of(nothing, nothing > 0))
    some = [Postprocessing(threshold=threshold) for threshold in (0.3, 0.9)]
    found = FastChain(kept, 0.02, empty_dice).dice(some)
    expected = [
        [
            dice(case.reference, postprocess(probability, setting, StepContext(case.spacing_mm)), empty_dice)
            for probability, case in zip(maps, kept, strict=True)
        ]
        for setting in some
    ]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[:, -1], [if_empty, if_empty])


def test_limits_in_ml_and_mm_are_those_of_each_case_s_spacing():
    probability = np.array([[[0.9, 0, 0, 0, 0.9, 0.9]]])
    spacings = [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.5, 1.0, 1.0), (1.0, 1.0, 2.0)]
    kept = [case_of(probability, probability > 1, spacing_mm, (0.0, 0.0, 0.0)) for spacing_mm in spacings]
    small = Postprocessing(remove_small={"ml": 0.002})
    near = Postprocessing(steps=("threshold", "near_lesion"), near_lesion={"voxels": None, "mm": 5.0})
    _, predicted = FastChain(kept, 0.5, "one").counts([small, near])
    assert predicted.tolist() == [[2, 3, 0, 3], [3, 3, 3, 1]]


def test_without_cases_or_settings_there_is_no_dice():
    assert FastChain([], 0.1, "one").dice([Postprocessing()]).shape == (1, 0)
    _, kept = draw_maps(1)
    assert FastChain(kept, 0.1, "one").dice([]).shape == (0, 4)


@pytest.mark.parametrize("steps", [("threshold",), ("threshold", "grow")])
def test_a_threshold_below_the_lowest_one_is_refused(steps):
    _, kept = draw_maps(1)
    setting = Postprocessing(steps=steps, threshold=0.15 if len(steps) > 1 else 0.1, grow={"threshold": 0.1})
    with pytest.raises(ValueError, match=r"thresholds must be at least 0\.15, got 0\.1"):
        FastChain(kept, 0.15, "one").counts([setting])


@pytest.mark.parametrize(
    ("threshold", "level"), [(0.5, 500), (0.7, 700), (0.0701, 71), (0.0209, 21), (0.0004, 1), (0.999, 999)]
)
def test_levels_of_thresholds(threshold, level):
    assert levels_of([threshold, 0.3]).tolist() == [level, 300]
