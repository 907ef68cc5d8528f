"""Chains with steps that see images, counted by arithmetic on components, leave what the plain chain leaves."""

from __future__ import annotations

import itertools

import numpy as np
from builders import availability
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.config import Postprocessing
from study.evaluation.fast_chain import FastChain
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase, keep
from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import StepContext
from study.imaging.values import NO_VALUE

OTHERS = ("remove_small", "keep_biggest", "near_lesion", "fill_holes", "intensity")
ORDERS = [("threshold", "seeds", *order) for n in range(4) for order in itertools.permutations(OTHERS, n)]
ORDERS += [
    ("threshold", *order)
    for n in range(1, 4)
    for order in itertools.permutations((*OTHERS, "grow"), n)
    if "intensity" in order
]
PALETTE = np.array([0.0, 0.0004, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 1.0])


def draw_map(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    kind = rng.integers(4)
    if kind == 0:
        return rng.random(shape)
    if kind == 1:
        return np.clip(0.4 + 1.5 * ndimage.gaussian_filter(rng.normal(size=shape), 1.0), 0, 1)
    if kind == 2:
        return rng.choice(PALETTE, shape)
    middle = np.array(shape)[:, None, None, None] // 2  # shells around each other: holes
    radius = np.abs(np.indices(shape) - middle).max(0)
    values = rng.choice(PALETTE, radius.max() + 1)[radius]
    return np.where(rng.random(shape) < 0.05, rng.choice(PALETTE, shape), values)


def draw_image(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> ImageValues:
    few = rng.choice([NO_VALUE, 500, 600, 700, 1000, -1500], shape)
    many = 1000 * (0.8 + 0.8 * ndimage.gaussian_filter(rng.normal(size=shape), 0.7))
    return ImageValues(name, (few if rng.random() < 0.5 else np.rint(many)).astype(np.int16))


Drawn = tuple[np.ndarray, StepContext, KeptCase]


def draw_case(seed: int) -> Drawn:
    """A map as it was, what steps see of it, and the case as it is kept; with both images, one or none."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(side) for side in rng.integers(1, 11, 3))
    probability = draw_map(rng, shape).astype(np.float32)
    names = [("DWI", "ADC"), ("ADC",), ("ADC", "DWI"), ()][int(rng.integers(4))]
    images = tuple(draw_image(rng, name, shape) for name in names)
    lesion = None if rng.random() < 0.5 else tuple((rng.random(3) * shape).tolist())
    case = keep(
        probability,
        rng.random(shape) < 0.3,
        key=f"A-{seed}",
        center="A",
        availability=availability("DWI+ADC"),
        spacing_mm=(2.0, 1.0, 1.0),
        lesion=lesion,
        images=images,
    )
    return probability, StepContext((2.0, 1.0, 1.0), lesion, images), case


@st.composite
def chains(draw: st.DrawFn) -> Postprocessing:
    levels = st.integers(1, 999) | st.sampled_from([50, 100, 300, 500, 700])
    lower, upper = sorted((draw(levels), draw(levels)))
    value = st.sampled_from([-1.5, 0.5, 0.6, 0.8, 1.0]) | st.floats(-2, 2)
    names = st.sampled_from(["ADC", "DWI"])
    side = draw(st.sampled_from(["below", "above"]))
    bounds = sorted((draw(value), draw(value)), reverse=side == "above")
    limits = sorted((draw(value), draw(value)))
    some = draw(st.sampled_from([(0,), (1,), (0, 1)]))
    return Postprocessing(
        steps=draw(st.sampled_from(ORDERS)),
        threshold=draw(levels) / 1000,
        grow={"threshold": 0.001},
        remove_small={"voxels": draw(st.integers(0, 8))},
        keep_biggest={"ratio": draw(st.sampled_from([0.0, 0.5, 1.0]))},
        near_lesion={"voxels": draw(st.floats(0, 5))},
        intensity={"modality": draw(names), **{("low", "high")[end]: limits[end] for end in some}},
        seeds={
            "modality": draw(names),
            "side": side,
            "threshold": upper / 1000,
            "grow_threshold": lower / 1000,
            "bound": bounds[0],
            "grow_bound": bounds[1],
        },
    )


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), some=st.lists(chains(), min_size=6, max_size=12))
def test_counts_what_the_plain_chain_leaves_of_the_original_maps_and_images(seed, some):
    drawn = [draw_case(seed + number) for number in range(3)]
    overlap, predicted = FastChain([case for _, _, case in drawn], 0.001, "one").counts(some)
    for row, setting in enumerate(some):
        for column, (probability, seen, case) in enumerate(drawn):
            mask = postprocess(probability, setting, seen)
            counts = int((mask & case.reference).sum()), int(mask.sum())
            assert (overlap[row, column], predicted[row, column]) == counts
