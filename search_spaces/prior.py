"""What a user expects of a parameter: `prior: {at: 0.5, width: 0.2}`, and how values are drawn from it.

The search draws some of its trials from the expectations (`study.tuning.sampling`), as PriorBand does (Mallik et al.
2023, NeurIPS, section 5), and fewer of them the longer it runs, so that a wrong expectation costs trials and not the
result.

- A number is drawn from a normal distribution around `at`, cut off at the ends of the range. `width` is its standard
  deviation as a fraction of the range, on the parameter's own scale: with `log`, of the range of the logarithms.
- Of choices, `at` is taken with the probability `chance`, and the others share the rest evenly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search_spaces.words import value_text

if TYPE_CHECKING:
    import numpy as np

    from search_spaces.parameter import Parameter

__all__ = ["Prior", "draw_expected", "prior_problems", "read_prior"]

KEYS = {"float": ("at", "width"), "int": ("at", "width"), "categorical": ("at", "chance")}


@dataclass(frozen=True)
class Prior:
    """An expectation.

    Attributes:
        at: the value that is most likely the best; a list of them for a parameter with a size.
        width: of a number: standard deviation as a fraction of the range, on the parameter's scale.
        chance: of a choice: the probability that `at` is drawn.
    """

    at: Any
    width: float = 0.2
    chance: float = 0.5


def read_prior(leaf: Mapping[str, Any]) -> Prior | None:
    """The expectation of a well-formed entry of a search space; None if it has none."""
    if leaf.get("prior") is None:
        return None
    prior, size = leaf["prior"], leaf.get("size")
    at = prior["at"]
    each = [at] * size if size is not None and not _is_one_each(at, leaf) else at
    return Prior(**{**prior, "at": each})


def prior_problems(kind: str, leaf: Mapping[str, Any]) -> list[str]:
    """What is wrong with the expectation of an entry that is well formed otherwise, and whose range has both ends."""
    prior = leaf.get("prior")
    if prior is None:
        return []
    legal = KEYS[kind]
    if not isinstance(prior, Mapping) or "at" not in prior:
        return [
            f"prior: must say what is expected, such as {{at: {value_text(_example(leaf))}}}, got {prior!r}"
        ]
    found = [
        f"prior.{key}: no such key; of {kind} it has {', '.join(legal)}" for key in prior if key not in legal
    ]
    if leaf.get("in_turn"):
        found.append("prior: what is tried in turn is not drawn; leave it out")
    if not found:
        found += [f"prior.at: {wrong}" for at in _entries(leaf) if (wrong := _wrong_place(kind, at, leaf))][
            :1
        ]
        found += _wrong_weight(prior, leaf)
    return found


def draw_expected(parameter: Parameter, entry: int, rng: np.random.Generator) -> Any:
    """One value drawn from a parameter's expectation.

    Args:
        parameter: has an expectation.
        entry: of a list that is drawn entry by entry; 0 otherwise.
        rng: draws.
    """
    prior = parameter.prior
    if prior is None:
        raise ValueError(f"{parameter.path} must have a prior")
    at = prior.at if parameter.size is None else prior.at[entry]
    if parameter.kind != "categorical":
        return _draw_number(parameter, at, prior.width, rng)
    others = [choice for choice in parameter.choices if choice != at]
    if not others or rng.random() < prior.chance:
        return at
    return others[int(rng.integers(len(others)))]


def _draw_number(parameter: Parameter, at: float, width: float, rng: np.random.Generator) -> float:
    """A normal number, drawn again until it is in the range; each step has a share of the range of its own."""
    step = parameter.step or (1 if parameter.kind == "int" else 0)
    scale, back = (math.log, math.exp) if parameter.log else (float, float)
    low, high = scale(parameter.low - step / 2), scale(parameter.high + step / 2)
    drawn = math.inf
    while not low <= drawn <= high:
        drawn = rng.normal(scale(at), width * (high - low))
    value = min(max(back(drawn), parameter.low), parameter.high)
    if not step:
        return value
    steps = min(round((value - parameter.low) / step), round((parameter.high - parameter.low) / step))
    return parameter.low + steps * step


def _entries(leaf: Mapping[str, Any]) -> Iterator[Any]:
    at = leaf["prior"]["at"]
    yield from at if _is_one_each(at, leaf) else [at]


def _is_one_each(at: Any, leaf: Mapping[str, Any]) -> bool:
    """Whether an expectation names a value for each entry of a list; otherwise it is the same for all."""
    return "size" in leaf and isinstance(at, list | tuple) and len(at) == leaf["size"]


def _example(leaf: Mapping[str, Any]) -> Any:
    return leaf["choices"][0] if "choices" in leaf else leaf["low"]


def _wrong_place(kind: str, at: Any, leaf: Mapping[str, Any]) -> str | None:
    if kind == "categorical":
        if at in leaf["choices"]:
            return None
        return f"must be one of {', '.join(map(value_text, leaf['choices']))}, got {value_text(at)}"
    low, high = leaf["low"], leaf["high"]
    if not _is_finite(at):
        return f"must be a number from {value_text(low)} to {value_text(high)}, got {at!r}"
    if low <= at <= high:
        return None
    near = value_text(min(max(at, low), high))
    return (
        f"{value_text(at)} is outside of what is searched, {value_text(low)} to {value_text(high)}; "
        f"the nearest is {near}, or widen the range"
    )


def _wrong_weight(prior: Mapping[str, Any], leaf: Mapping[str, Any]) -> Iterator[str]:
    """A width or a chance that says nothing."""
    if "width" in prior and not (_is_finite(prior["width"]) and 0 < prior["width"] <= 1):
        yield f"prior.width: must be a fraction of the range, above 0 and at most 1, got {prior['width']!r}"
    if "chance" in prior:
        even, chance = 1 / len(leaf["choices"]), prior["chance"]
        if not (_is_finite(chance) and even < chance <= 1):
            yield (
                f"prior.chance: must be above {even:.3g}, which each of {len(leaf['choices'])} choices has without a "
                f"prior, and at most 1, got {chance!r}"
            )


def _is_finite(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
