"""The objective against each searched value, all others held: where the optimum is, and how flat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from search_spaces.parameter import Parameter
from study.config import Postprocessing
from study.evaluation.components import Values
from study.evaluation.fit import Cases, Curve, Point, SettingValue
from study.evaluation.proposals import highest
from study.evaluation.settings_space import SettingsSpace, value_at

POINTS = 41  # of a range


def score_curves(
    space: SettingsSpace,
    settings: Postprocessing,
    judge: Callable[[Sequence[Postprocessing]], Values],
    cases: Cases = "all",
) -> tuple[Curve, ...]:
    """A curve for each searched parameter that acts in these settings.

    The values are POINTS of a range, all choices of a list, and those of the default and the given settings. A value
    that contradicts another setting is shown as what it is repaired to (`search_spaces.repair`). Points without a score
    are left out.

    Args:
        space: what was searched.
        settings: the values that all other parameters are held at.
        judge: the objective of some settings [S]; nan where it is not defined.
        cases: the predictions that the objective is over.
    """
    lines = [(parameter.path, _line(space, settings, parameter)) for parameter in space.acting(settings)]
    scores = judge([point for _, points in lines for point in points]).tolist()
    curves = []
    for path, points in lines:
        own, scores = scores[: len(points)], scores[len(points) :]
        found = [
            Point(_plain(value_at(point, path)), score) for point, score in zip(points, own, strict=True)
        ]
        defined = tuple(point for point in found if not np.isnan(point.score))
        curves.append(Curve(cases=cases, path=path, points=defined))
    return tuple(curves)


def climb(
    space: SettingsSpace,
    start: tuple[Postprocessing, float],
    judge: Callable[[Sequence[Postprocessing]], Values],
) -> Postprocessing:
    """Climb from a setting and its score, one value at a time, until no point of its curves is higher.

    Samplers spread their proposals over the space, and rarely hit the top of a curve; judging the points of curves is
    faster than proposing settings.
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
    points += [settings, space.settings({path: space.default_of(path)}, settings)]
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


def _plain(value: Any) -> SettingValue:
    return tuple(value) if isinstance(value, list) else value
