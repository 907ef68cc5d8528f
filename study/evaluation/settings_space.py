"""The settings of the post-processing that a search space stands for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.parameter import Parameter
from search_spaces.space import SearchSpace
from study.config import Postprocessing
from study.evaluation.kept import KEPT_FROM, LEVELS

PREFIX = "postprocessing."
STEPS, THRESHOLD, LOWER = (f"{PREFIX}{name}" for name in ("steps", "threshold", "grow.threshold"))
FINEST = len(LEVELS) - 1  # kept probabilities tell thresholds apart that are multiples of 1 / FINEST


@dataclass(frozen=True)
class SettingsSpace:
    """What is searched of the post-processing.

    Attributes:
        space: of the paths under `postprocessing.` alone (`SearchSpace.postprocessing`).
        default: what the space does not hold stays as it is here.
    """

    space: SearchSpace
    default: Postprocessing

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """What is not fixed."""
        return tuple(parameter for parameter in self.space.parameters if parameter.kind != "fixed")

    def settings(self, values: Mapping[str, Any], base: Postprocessing | None = None) -> Postprocessing:
        """The settings that values by dotted path stand for; the rest is as in `base`, or as in the default.

        Thresholds are rounded to a kept level, so that they give the mask that they give on the original map;
        `Postprocessing.drawn` says what becomes of values that contradict each other.
        """
        drawn = {
            path.removeprefix(PREFIX): _kept_level(value) if path in (THRESHOLD, LOWER) else value
            for path, value in values.items()
        }
        return (base or self.default).drawn(drawn)

    def grid(self, at_most: int) -> list[Postprocessing] | None:
        """All settings, each once; None where there are infinitely or too many to try."""
        found = self.space.grid(at_most)
        return None if found is None else list(dict.fromkeys(map(self.settings, found)))

    @property
    def lowest(self) -> float:
        """No threshold of the default or the space is below this one."""
        chains = [self.default.steps]
        lows = [self.default.threshold]
        for parameter in self.space.parameters:
            if parameter.path == STEPS:
                chains += [value for _, value in parameter.probes()]
            if parameter.path == THRESHOLD:
                lows += _ends(parameter)
        if any("grow" in steps for steps in chains):
            lows.append(self.default.grow.threshold)
            lows += [
                low
                for parameter in self.space.parameters
                if parameter.path == LOWER
                for low in _ends(parameter)
            ]
        return max(math.floor(min(lows) * FINEST), KEPT_FROM) / FINEST

    def acting(self, settings: Postprocessing) -> tuple[Parameter, ...]:
        """The searched parameters that change what these settings do, in the order of the steps."""
        acting = [
            parameter
            for parameter in self.searched
            if (parameter.path == STEPS or step_of(parameter.path) in settings.steps)
            and all(self._value(settings, path) in allowed for path, allowed in parameter.when.items())
        ]
        order = ("steps", *settings.steps)
        return tuple(
            sorted(acting, key=lambda parameter: (order.index(step_of(parameter.path)), parameter.path))
        )

    def _value(self, settings: Postprocessing, path: str) -> Any:
        return value_at(settings, path) if path.startswith(PREFIX) else self.space.given[path]


def step_of(path: str) -> str:
    """The step that a parameter belongs to: `postprocessing.grow.threshold` to grow."""
    return path.removeprefix(PREFIX).partition(".")[0]


def value_at(settings: Postprocessing, path: str) -> Any:
    """The value at a dotted path; lists as in a search space."""
    value: Any = settings
    for name in path.removeprefix(PREFIX).split("."):
        value = getattr(value, name)
    return list(value) if isinstance(value, tuple) else value


def _ends(parameter: Parameter) -> list[float]:
    return [float(value) for _, value in parameter.probes()]


def _kept_level(threshold: float) -> float:
    return min(max(round(threshold * FINEST), KEPT_FROM), FINEST - 1) / FINEST
