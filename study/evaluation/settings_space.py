"""The settings of the post-processing that a search space describes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.parameter import Parameter
from search_spaces.repair import repaired
from search_spaces.space import SearchSpace
from study.config import Postprocessing
from study.config.own_settings import OWN
from study.evaluation.kept import KEPT_FROM, LEVELS
from study.evaluation.steps import find_step

PREFIX = "postprocessing."
STEPS = f"{PREFIX}steps"
FINEST = len(LEVELS) - 1  # thresholds that differ by less than 1 / FINEST may give the same mask on kept maps


@dataclass(frozen=True)
class SettingsSpace:
    """The settings of the post-processing that are searched, and those that are not.

    Attributes:
        space: the part of a search space under `postprocessing.` (`SearchSpace.postprocessing`).
        default: the values of all that the space does not hold.
    """

    space: SearchSpace
    default: Postprocessing

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that are not fixed."""
        return tuple(parameter for parameter in self.space.parameters if parameter.kind != "fixed")

    def settings(self, values: Mapping[str, Any], base: Postprocessing | None = None) -> Postprocessing:
        """The settings with these values by dotted path; the rest is as in `base`, or as in the default.

        Thresholds are rounded to a kept level, so that they give the same mask as on the original map, and others as
        their step says (`PostprocessingStep.rounded`). Values that
        contradict each other are repaired by `search_spaces.repair`.
        """
        drawn = {path.removeprefix(PREFIX): _rounded(path, value) for path, value in values.items()}
        return repaired(base or self.default, drawn)

    def enumerate(self, at_most: int) -> list[Postprocessing] | None:
        """All settings, each once; None where there are infinitely many or more than `at_most`."""
        found = self.space.enumerate(at_most)
        return None if found is None else list(dict.fromkeys(map(self.settings, found)))

    @property
    def lowest(self) -> float:
        """The lowest threshold of any step in the default or the space."""
        paths = {path for step in self._steps for path in _thresholds(step)}
        lows = [float(self.default_of(path)) for path in paths]
        for parameter in self.space.parameters:
            if parameter.path in paths:
                lows += [float(value) for _, value in parameter.probes()]
        return max(math.floor(min(lows) * FINEST), KEPT_FROM) / FINEST

    @property
    def images(self) -> tuple[str, ...]:
        """The modalities whose images some chain reads, each once."""
        named = {find_step(step).image for step in self._steps} - {None}
        paths = {f"{PREFIX}{path}" for path in named}
        found = [str(self.default_of(path)) for path in sorted(paths)]
        for parameter in self.space.parameters:
            if parameter.path in paths:
                found += [str(value) for _, value in parameter.probes()]
        return tuple(dict.fromkeys(found))

    @property
    def _steps(self) -> set[str]:
        """The steps of all chains."""
        steps = {*self.default.steps}
        for parameter in self.space.parameters:
            if parameter.path == STEPS:
                steps |= {step for _, chain in parameter.probes() for step in chain}
        return steps

    def default_of(self, path: str) -> Any:
        """The default of one parameter, also of a step that the default chain leaves out."""
        step = step_of(path)
        own = path.startswith(f"{PREFIX}{OWN}.")  # own settings of a step are only there where the step is
        return value_at(self.settings({STEPS: ("threshold", step)}) if own else self.default, path)

    def acting(self, settings: Postprocessing) -> tuple[Parameter, ...]:
        """The searched parameters that these settings depend on, in the order of the steps."""
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
    """The step that a parameter belongs to: `grow` for `grow.threshold`, `opened` for `settings.opened.voxels`.

    Paths begin with `postprocessing.`; the list of the steps itself, `steps`, belongs to none of them.
    """
    first, *rest = path.removeprefix(PREFIX).split(".")
    return rest[0] if first == OWN and rest else first


def value_at(settings: Postprocessing, path: str) -> Any:
    """The value at a dotted path; tuples become lists, as in a search space."""
    value: Any = settings
    for name in path.removeprefix(PREFIX).split("."):
        value = getattr(value, name)
    return list(value) if isinstance(value, tuple) else value


def _thresholds(step: str) -> tuple[str, ...]:
    """The paths of a step's settings that are compared with probabilities."""
    return () if step == "steps" else tuple(f"{PREFIX}{path}" for path in find_step(step).thresholds)


def _rounded(path: str, value: Any) -> Any:
    """A drawn value as it is used."""
    step = step_of(path)
    if path in _thresholds(step):
        return _kept_level(value)
    unit = None if step == "steps" else find_step(step).rounded.get(path.removeprefix(PREFIX))
    return value if unit is None else round(round(value / unit) * unit, 9)


def _kept_level(threshold: float) -> float:
    return min(max(round(threshold * FINEST), KEPT_FROM), FINEST - 1) / FINEST
