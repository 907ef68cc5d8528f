"""A recording that nobody trained: curves of known shape, with a known optimum."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.search.curves import Curve, Recording, rounded
from benchmarks.search.design import CLOCK, CLOCKS, fill
from search_spaces import SearchSpace
from study.commandline.composition import compose

SETTINGS = ("trainer.validate_every=1", "trainer.epochs=12")
BEST_DROP, BEST_RATE = 0.65, 0.15


def quality(values: dict[str, object]) -> float:
    """The Dice after the last epoch: best at one drop probability and learning rate, with a gradual schedule."""
    drop, rate = (
        float(str(values[path])) for path in ("modality_dropout.drop_probability", "trainer.learning_rate")
    )
    late = values["schedule.shape"] in ("sigmoid", "cosine", "linear")
    return 0.7 - 0.4 * (drop - BEST_DROP) ** 2 - 0.08 * math.log(rate / BEST_RATE) ** 2 + 0.03 * late


def synthetic(points: int = 64, noise: float = 0.005, seed: int = 0) -> Recording:
    """Curves that rise to the quality of their setting."""
    config = compose([*SETTINGS, "study.name=s"])
    space = SearchSpace.parse(config.search_space, config).outer
    epochs = tuple(range(1, config.trainer.epochs + 1))
    rng = np.random.default_rng(seed)
    curves = []
    for values in fill(space, points):
        for clock in CLOCKS:
            best = quality(values)
            rising = [best * (1 - 0.8 * math.exp(-4 * epoch / epochs[-1])) for epoch in epochs]
            scores = [rounded((dice + rng.normal(0, noise), dice, dice)) for dice in [*rising, best]]
            own = {**values, CLOCK: clock}
            curves.append(Curve(values=own, scores=tuple(scores[:-1]), final=scores[-1], seconds=1.0))
    return Recording(settings=SETTINGS, epochs=epochs, curves=tuple(curves))
