"""`python -m benchmarks.postprocessing`: post-processing settings scored per second, fast relative to plain.

Plain: `postprocess` on full volumes with cc3d, one setting after another, in one process per CPU. Fast: `FastChain` in
one process; building its trees counts, and is shared by SETTINGS settings. Both must count the same voxels. The ratio
is the smallest over several chains of steps. The speed of the fast side for one setting at a time, and on a cohort of
small volumes, is also printed.

Search: `fit_postprocessing` as a trial calls it, on the small cohort, in CPU seconds of one process. Trees, proposals,
three fits, the bootstrap and the curves all count. TPE spends most of its time in Optuna's proposals. One
search is over seeds that must be dark in ADC, for which trees are built for each bound.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.cohort.availability import Availability
from study.config import Grow, KeepBiggest, NearLesion, Postprocessing, RemoveSmall, Step, validate
from study.evaluation.components import label_components
from study.evaluation.fast_chain import FastChain
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase, keep
from study.evaluation.postprocessing import postprocess
from study.evaluation.steps import StepContext
from study.imaging.geometry import center_of_mass
from study.machine.processes import available_cpus
from study.workflow.postprocessing import fit_postprocessing

LOWEST = 0.1  # of all thresholds
SETTINGS = 5000
PLAIN_SETTINGS = 6
ALONE = 300  # settings scored one at a time
PAPER: tuple[Step, ...] = ("threshold", "remove_small", "keep_biggest", "near_lesion", "grow")
FREE: tuple[Step, ...] = ("remove_small", "keep_biggest", "near_lesion", "grow", "fill_holes")
CHAINS: dict[str, list[tuple[Step, ...]]] = {
    "the paper's five steps": [PAPER],
    "all six steps": [(*PAPER, "fill_holes")],
    "any steps in any order": [("threshold", *order) for n in range(6) for order in permutations(FREE, n)],
}


RANGES = {
    "threshold": {"type": "float", "low": 0.2, "high": 0.8},
    "remove_small": {"voxels": {"type": "int", "low": 0, "high": 30}},
    "keep_biggest": {"ratio": {"type": "float", "low": 0.0, "high": 1.0}},
    "near_lesion": {"voxels": {"type": "float", "low": 5, "high": 60}},
    "grow": {"threshold": {"type": "float", "low": LOWEST, "high": 0.5}},
}
GRID = {
    "threshold": {"type": "float", "low": 0.2, "high": 0.8, "step": 0.05},
    "remove_small": {"voxels": {"type": "categorical", "choices": [0, 5, 10, 20]}},
    "keep_biggest": {"ratio": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25}},
    "near_lesion": {"voxels": {"type": "categorical", "choices": [10, 20, 40]}},
    "grow": {"threshold": {"type": "float", "low": LOWEST, "high": 0.5, "step": 0.1}},
}
DARK = {
    "steps": {
        "type": "categorical",
        "choices": [["threshold", "remove_small"], ["threshold", "seeds", "remove_small"]],
    },
    "threshold": {"type": "float", "low": 0.2, "high": 0.8},
    "seeds": {
        "threshold": {"type": "float", "low": 0.5, "high": 0.95},
        "bound": {"type": "float", "low": 0.5, "high": 0.8},
        "grow_threshold": {"type": "float", "low": LOWEST, "high": 0.5},
        "grow_bound": {"type": "float", "low": 0.8, "high": 1.3},
    },
}


class Case(NamedTuple):
    """One subject; the plain side reads the probability map."""

    kept: KeptCase
    probability: NDArray[np.float32]


_cohort: list[Case] = []  # inherited by the processes of the plain side


def main() -> None:
    """Measure and print."""
    small = [draw_case(number, (50, 90, 75), (2.0, 2.0, 2.0)) for number in range(12)]
    describe("12 subjects of 50×90×75", small)
    for name, orders in CHAINS.items():
        rates = fast_rates(small, draw_settings(orders))
        print(f"  {name}: fast {as_text(rates)}")
    kept = [case.kept for case in small]
    for sampler, trials in (("tpe", 200), ("tpe", 1000), ("nsga2", 1000)):
        tried, seconds = search(kept, RANGES, trials, sampler)
        print(
            f"  search, {trials} proposals by {sampler} in each of 3 fits: {tried:,} settings tried, "
            f"{tried / seconds:,.0f} per core-second"
        )
    tried, seconds = search(kept, GRID, SETTINGS, "tpe")
    print(f"  search, all {tried:,} settings of a grid: {tried / seconds:,.0f} settings per core-second")
    tried, seconds = search([with_adc(case) for case in small], DARK, 1000, "tpe")
    print(
        f"  search with seeds that are dark in ADC, 1000 proposals by tpe in each of 3 fits: {tried:,} settings "
        f"tried, {tried / seconds:,.0f} per core-second"
    )
    full = [draw_case(number, (40, 256, 256), (4.0, 0.9, 0.9)) for number in range(28)]
    describe("28 subjects of 40×256×256", full)
    ratios = [full_ratio(full, name, draw_settings(orders)) for name, orders in CHAINS.items()]
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": available_cpus(),
    }
    print(json.dumps({"ratio": min(ratios), "measured_on": measured_on}))


def full_ratio(cohort: list[Case], name: str, settings: list[Postprocessing]) -> float:
    """Speed-up of the fast side in settings per second, after a check that both sides agree."""
    plain, counts = plain_rate(cohort, settings[:PLAIN_SETTINGS])
    if not np.array_equal(np.stack(build(cohort).counts(settings[:PLAIN_SETTINGS]), axis=-1), counts):
        raise RuntimeError("the two sides count different voxels")
    rates = fast_rates(cohort, settings)
    print(f"  {name}: plain {plain:.2f} settings/s; fast {as_text(rates)}; ratio {rates.all / plain:,.0f}")
    return rates.all / plain


def search(kept: list[KeptCase], space: dict[str, object], trials: int, sampler: str) -> tuple[int, float]:
    """Number of settings tried in a whole search over the paper's five steps, and its CPU seconds."""
    evaluation = {"postprocessing_trials": trials, "postprocessing_sampler": sampler}
    config = validate(
        {
            "study": {"name": "benchmark"},
            "cohort": {"modalities": ("DWI", "ADC", "B0")},
            "postprocessing": {"steps": PAPER},
            "evaluation": evaluation,
            "search_space": {"postprocessing": space},
        }
    )
    began = time.process_time()
    fit = fit_postprocessing(kept, config)
    seconds = time.process_time() - began
    return fit.tried, seconds


class Rates(NamedTuple):
    """Settings per second of the fast side: with and without building the trees, and one at a time once built."""

    all: float
    built: float
    alone: float


def as_text(rates: Rates) -> str:
    """The rates in words."""
    return f"{rates.all:,.0f} settings/s ({rates.built:,.0f} once built, {rates.alone:,.0f} one at a time)"


def fast_rates(cohort: list[Case], settings: list[Postprocessing]) -> Rates:
    """Measure the fast side in one process."""
    began = time.perf_counter()
    fast = build(cohort)
    built = time.perf_counter()
    fast.dice(settings)
    judged = time.perf_counter()
    for setting in settings[:ALONE]:
        fast.dice([setting])
    alone = ALONE / (time.perf_counter() - judged)
    return Rates(len(settings) / (judged - began), len(settings) / (judged - built), alone)


def build(cohort: list[Case]) -> FastChain:
    """The fast side, with its trees."""
    return FastChain([case.kept for case in cohort], LOWEST, "one")


def plain_rate(cohort: list[Case], settings: list[Postprocessing]) -> tuple[float, NDArray[np.int64]]:
    """Settings per second on all CPUs, and the overlap and predicted voxels [S, C, 2]."""
    _cohort[:] = cohort
    with ProcessPoolExecutor(available_cpus(), multiprocessing.get_context("fork")) as pool:
        pool.submit(os.getpid).result()  # starts all processes
        began = time.perf_counter()
        counts = list(pool.map(_plain_counts, [(number, settings) for number in range(len(cohort))]))
        return len(settings) / (time.perf_counter() - began), np.array(counts).swapaxes(0, 1)


def _plain_counts(task: tuple[int, list[Postprocessing]]) -> list[tuple[int, int]]:
    number, settings = task
    kept, probability = _cohort[number]
    context = StepContext(kept.spacing_mm, kept.lesion)
    masks = (postprocess(probability, setting, context) for setting in settings)
    return [(int((mask & kept.reference).sum()), int(mask.sum())) for mask in masks]


def draw_case(number: int, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Case:
    """Draw a lesion with a frayed rim, false positives around it, and faint specks."""
    rng = np.random.default_rng(number)
    texture = ndimage.gaussian_filter(rng.normal(size=shape), [2 / side for side in spacing_mm])
    texture /= texture.std()
    lesion = _ellipsoid(rng, shape, spacing_mm, rng.uniform(6, 25))
    logit = 8 * (1 - lesion) + texture
    for _ in range(int(rng.integers(10))):
        spot = _ellipsoid(rng, shape, spacing_mm, rng.uniform(2, 6))
        logit = np.maximum(logit, rng.uniform(2, 6) * (1 - spot) + texture)
    logit = np.maximum(logit, 1.5 * texture - 8)
    probability = (1 / (1 + np.exp(-np.maximum(logit, -20)))).astype(np.float32)
    reference = lesion + 0.15 * texture < 1
    kept = keep(
        probability,
        reference,
        key=f"A-{number}",
        center="A",
        availability=Availability(("DWI",), ("DWI",)),
        spacing_mm=spacing_mm,
        lesion=center_of_mass(reference),
    )
    return Case(kept, probability)


def with_adc(case: Case) -> KeptCase:
    """The case with an image of ADC beside its map: textured tissue around 0.85, darker in the lesion."""
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=case.probability.shape), 1)
    adc = 0.85 + 0.15 * texture / texture.std() - 0.3 * case.kept.reference
    values = np.rint(1000 * np.clip(adc, 0.1, 3)).astype(np.int16)
    return keep(
        case.probability,
        case.kept.reference,
        key=case.kept.key,
        center=case.kept.center,
        availability=Availability(("DWI", "ADC"), ("DWI", "ADC")),
        spacing_mm=case.kept.spacing_mm,
        lesion=case.kept.lesion,
        images=[ImageValues("ADC", values)],
    )


def _ellipsoid(
    rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: tuple[float, ...], radius_mm: float
) -> NDArray[np.float64]:
    """Distance from a center somewhere in the middle half, 1 at the surface."""
    axes = np.ogrid[tuple(slice(side) for side in shape)]
    squares = [
        ((axis - rng.uniform(0.25, 0.75) * side) * mm / (radius_mm * rng.uniform(0.7, 1.3))) ** 2
        for axis, side, mm in zip(axes, shape, spacing_mm, strict=True)
    ]
    return np.asarray(np.sqrt(sum(squares)))


def describe(name: str, cohort: list[Case]) -> None:
    """Print the size of a cohort."""
    masks = [case.probability >= LOWEST for case in cohort]
    components = np.mean([label_components(mask)[1] for mask in masks])
    print(
        f"{name}, above {LOWEST}: {np.mean([mask.sum() for mask in masks]):.0f} voxels, {components:.1f} components"
    )


def draw_settings(orders: list[tuple[Step, ...]]) -> list[Postprocessing]:
    """Draw SETTINGS random settings."""
    rng = np.random.default_rng(0)
    settings = []
    for _ in range(SETTINGS):
        lower, threshold = np.sort(rng.integers(10, 90, 2)) / 100
        settings.append(
            Postprocessing(
                steps=orders[int(rng.integers(len(orders)))],
                threshold=float(threshold),
                remove_small=RemoveSmall(voxels=int(rng.integers(30)), ml=rng.uniform(0, 0.3)),
                keep_biggest=KeepBiggest(ratio=rng.uniform(0, 1)),
                near_lesion=NearLesion(voxels=rng.uniform(0, 60), mm=rng.uniform(0, 60)),
                grow=Grow(threshold=float(lower)),
            )
        )
    return settings


if __name__ == "__main__":
    main()
