"""The objective against each searched value, all others held: where it is higher, and how flat the optimum is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from search_spaces.parameter import Parameter
from study.config import Postprocessing
from study.evaluation.objective import Values
from study.evaluation.proposals import highest
from study.evaluation.settings_space import SettingsSpace, value_at

POINTS = 41  # of a range
Curves = dict[str, list[list[Any]]]  # dotted path to [value, score], ascending in value


def score_curves(
    space: SettingsSpace, settings: Postprocessing, judge: Callable[[Sequence[Postprocessing]], Values]
) -> Curves:
    """A curve for each searched parameter that acts on what these settings do.

    The values are POINTS of a range, all choices of a list, and those of the default and the given settings. A value
    that contradicts another setting is shown as what it is mended to (`Postprocessing.drawn`). Points without a score
    are left out.

    Args:
        space: what was searched.
        settings: what all other values are held at.
        judge: the objective of some settings [S]; nan where there is none.
    """
    lines: list[tuple[str, list[Postprocessing]]] = [
        (parameter.path, _line(space, settings, parameter)) for parameter in space.acting(settings)
    ]
    scores = judge([point for _, points in lines for point in points]).tolist()
    curves: Curves = {}
    for path, points in lines:
        own, scores = scores[: len(points)], scores[len(points) :]
        curve = [[value_at(point, path), score] for point, score in zip(points, own, strict=True)]
        curves[path] = [point for point in curve if not np.isnan(point[1])]
    return curves


def climb(
    space: SettingsSpace,
    start: tuple[Postprocessing, float],
    judge: Callable[[Sequence[Postprocessing]], Values],
) -> Postprocessing:
    """From a setting and its score upwards, one value at a time, until no point of its curves is higher.

    What samplers propose is spread over the space, and rarely at the top of any curve; points of curves are judged
    faster than settings are proposed.
    """
    best = start
    while True:
        points = [point for parameter in space.acting(best[0]) for point in _line(space, best[0], parameter)]
        higher = highest(points, judge(points), best)
        if higher[0] == best[0]:
            return best[0]
        best = higher


def _line(space: SettingsSpace, settings: Postprocessing, parameter: Parameter) -> list[Postprocessing]:
    """The given settings with each value of one parameter, each once."""
    path = parameter.path
    points = [space.settings({path: value}, settings) for value in _values(parameter)]
    points += [settings, space.settings({path: value_at(space.default, path)}, settings)]
    by_value = {str(value_at(point, path)): point for point in points}
    found = list(by_value.values())
    if all(isinstance(value_at(point, path), int | float) for point in found):
        found.sort(key=lambda point: float(value_at(point, path)))
    return found


def _values(parameter: Parameter) -> list[Any]:
    if parameter.kind == "categorical":
        return list(parameter.choices)
    space = np.geomspace if parameter.log else np.linspace
    values = space(parameter.low, parameter.high, POINTS)
    if parameter.step is not None or parameter.kind == "int":
        step = parameter.step or 1
        values = parameter.low + np.round((values - parameter.low) / step) * step
    values = np.clip(np.round(values, 9), parameter.low, parameter.high)
    return [int(value) if parameter.kind == "int" else float(value) for value in np.unique(values)]
