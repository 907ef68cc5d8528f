"""What becomes of drawn values that contradict each other.

A sampler draws each value on its own, so that it can draw a threshold for growing above the first threshold, where a
user who wrote both would get an error. Such values are repaired here, and nowhere else:

- `postprocessing.grow.threshold` above `postprocessing.threshold`, where grow is among the steps, is lowered to it:
  from a lower threshold, growing to a higher one adds nothing.
- `postprocessing.seeds.grow_threshold` above `postprocessing.seeds.threshold`, where seeds is among the steps, is
  lowered to it; a `grow_bound` that is tighter than `bound` becomes that.
- `postprocessing.intensity.low` above `high`, where intensity is among the steps, is lowered to it.
- near_lesion without a limit in voxels or mm, and intensity without one, are left out of `postprocessing.steps`: they
  would remove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from study.config import Config, Postprocessing
from study.config.values import with_values
from study.errors import ConfigError

PREFIX = "postprocessing."
LIMITS = {"near_lesion": ("voxels", "mm"), "intensity": ("low", "high")}
"""The steps that do nothing without a limit, and where they have it."""


def repaired(settings: Postprocessing, values: Mapping[str, Any]) -> Postprocessing:
    """A copy of settings with values that a sampler drew, by path in the section (`grow.threshold`).

    Raises:
        ValidationError: a value is illegal on its own.
    """
    content = with_values(settings.model_dump(), values)
    return Postprocessing.model_validate({**content, **_resolutions(content)})


def with_drawn(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of a configuration with values that a sampler drew, by dotted path.

    Raises:
        ConfigError: as `Config.with_values`, for what is illegal however it came about.
    """
    try:
        return config.with_values(values)
    except ConfigError:
        own = {path.removeprefix(PREFIX): value for path, value in values.items() if path.startswith(PREFIX)}
        try:
            settings = repaired(config.postprocessing, own)
        except ValidationError:
            settings = None
        if settings is None:
            raise
    others = {path: value for path, value in values.items() if not path.startswith(PREFIX)}
    return config.with_values({"postprocessing": settings.model_dump(mode="json"), **others})


def _resolutions(content: Mapping[str, Any]) -> dict[str, Any]:
    """What replaces contradictory parts of the content; what is illegal on its own is left to be refused."""
    steps, grow = content["steps"], content["grow"]
    if not isinstance(steps, list | tuple):
        return {}
    changes: dict[str, Any] = {}
    lower, threshold = grow["threshold"], content["threshold"]
    if "grow" in steps and _is_probability(lower) and _is_probability(threshold) and lower > threshold:
        changes["grow"] = {**grow, "threshold": threshold}
    if "seeds" in steps:
        changes["seeds"] = {**content["seeds"], **_of_seeds(content["seeds"])}
    low, high = (content["intensity"][end] for end in ("low", "high"))
    if "intensity" in steps and _is_number(low) and _is_number(high) and low > high:
        changes["intensity"] = {**content["intensity"], "low": high}
    idle = [name for name, limits in LIMITS.items() if all(content[name][limit] is None for limit in limits)]
    if any(steps.count(name) == 1 for name in idle):
        changes["steps"] = tuple(step for step in steps if step not in idle or steps.count(step) > 1)
    return changes


def _of_seeds(seeds: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    lower, threshold, bound, outer = (
        seeds[name] for name in ("grow_threshold", "threshold", "bound", "grow_bound")
    )
    if _is_probability(lower) and _is_probability(threshold) and lower > threshold:
        changes["grow_threshold"] = threshold
    if (
        _is_number(bound)
        and _is_number(outer)
        and (outer < bound if seeds["side"] == "below" else outer > bound)
    ):
        changes["grow_bound"] = bound
    return changes


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_probability(value: Any) -> bool:
    return _is_number(value) and 0 < value < 1
