"""Settings that fill a search space evenly, and places of settings in it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.stats import qmc

from search_spaces import Parameter, SearchSpace

__all__ = ["CLOCK", "CLOCKS", "fill", "place_of"]

CLOCK = "schedule.clock"
CLOCKS = ("trial", "rung")  # of the schedule; with the other one, a training has another curve


def fill(space: SearchSpace, points: int, seed: int = 0) -> list[dict[str, Any]]:
    """Settings of a scrambled Sobol sequence; conditional ones are left out where they do not count.

    Args:
        space: of a training, without lists and without the clock.
        points: number of settings; a power of 2 fills the space best.
        seed: of the scrambling.
    """
    parameters = [parameter for parameter in space.parameters if parameter.kind != "fixed"]
    sampler = qmc.Sobol(len(parameters), seed=seed)
    places = sampler.random_base2(math.ceil(math.log2(points)))[:points]
    found = []
    for place in places:
        values: dict[str, Any] = dict(space.fixed)
        for parameter, unit in zip(parameters, place, strict=True):
            if space.applies(parameter, values):
                values[parameter.path] = value_at(parameter, float(unit))
        found.append(values)
    return found


def value_at(parameter: Parameter, unit: float) -> Any:
    """The value of a parameter at a place in [0, 1)."""
    if parameter.kind == "categorical":
        return parameter.choices[int(unit * len(parameter.choices))]
    if parameter.kind == "int":
        steps = int((parameter.high - parameter.low) // (parameter.step or 1)) + 1
        return int(parameter.low + int(unit * steps) * (parameter.step or 1))
    if parameter.log:
        return float(parameter.low * (parameter.high / parameter.low) ** unit)
    return parameter.low + unit * (parameter.high - parameter.low)


def place_of(parameter: Parameter, value: float) -> float:
    """The place of a number in its range, in [0, 1], on the parameter's scale."""
    if parameter.log:
        return float(np.log(value / parameter.low) / np.log(parameter.high / parameter.low))
    return float((value - parameter.low) / (parameter.high - parameter.low))
