"""One entry of a search space: a setting, its values, and the conditions under which it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from search_spaces.prior import Prior, draw_expected

if TYPE_CHECKING:
    import numpy as np
    import optuna

ROUNDING = 1e-8  # of a number of steps, as Optuna has it


@dataclass(frozen=True)
class Parameter:
    """A setting that the search sets.

    Attributes:
        path: dotted path in the configuration.
        kind: which of the other attributes count. `float` and `int`: low, high, around, step, log; `categorical`:
            choices and in_turn; `fixed`: value.
        low, high: ends of the range, both included.
        around: None, or the factor by which ends that the file does not give lie below and above the configured value.
        step: between values; None for every value of the range.
        log: whether values are drawn evenly on a logarithmic scale.
        choices: the values to choose from.
        value: of all trials.
        size: None, or the length of a list of so many independent entries, which then is the value.
        in_turn: whether the choices are tried one trial after the other.
        paper: the value that the paper of a technique has, tried in the second trial; None where none is named.
        prior: what the user expects; None without an expectation.
        when: for the parameter to count, the setting at each of these paths must have one of these values.
    """

    path: str
    kind: Literal["float", "int", "categorical", "fixed"]
    low: float = 0
    high: float = 0
    around: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()
    value: Any = None
    size: int | None = None
    in_turn: bool = False
    paper: Any = None
    prior: Prior | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def suggest(self, trial: optuna.trial.BaseTrial) -> Any:
        """A value drawn by the trial's sampler; entries of a list are named `path.0`, `path.1`, …"""
        if self.kind == "fixed":
            return self.value
        if self.size is None:
            return self._draw(trial, self.path)
        return [self._draw(trial, name) for name in self.names]

    def probes(self) -> list[tuple[str, Any]]:
        """Ends and choices, as pairs of the key in the file and the value; if these are legal, all values are."""
        if self.kind == "fixed":
            return [("value", self.value)]
        if self.kind == "categorical":
            values = [("choices", choice) for choice in self.choices]
        else:
            values = [("low", self.low), ("high", self.high)]
        if self.kind == "float":  # a field of whole numbers accepts 1.0 and 4.0, but nothing between
            values.append(("type", self.low + 0.382 * (self.high - self.low)))
        return values if self.size is None else [(key, [value] * self.size) for key, value in values]

    def values(self) -> Iterator[Any] | None:
        """All values, in the file's order or ascending; None where they are no finite set of single values."""
        if self.kind == "fixed":
            return iter((self.value,))
        if self.size is not None or (self.kind == "float" and self.step is None):
            return None
        if self.kind == "categorical":
            return iter(self.choices)
        if self.kind == "int":
            return iter(range(int(self.low), int(self.high) + 1, int(self.step or 1)))
        step = self.step or 1.0
        return (round(self.low + n * step, 12) for n in range(round((self.high - self.low) / step) + 1))

    def can_be(self, value: Any) -> bool:
        """Whether the search may set this parameter to a value; to a list of values if it has a size."""
        if self.kind == "fixed":
            return bool(value == self.value)
        if self.size is None:
            return self._holds(value)
        return isinstance(value, list) and len(value) == self.size and all(map(self._holds, value))

    def nearest(self, value: Any) -> Any:
        """The value itself if the search may take it, or else the end or step nearest to it, or the first choice.

        None where nothing is near, as for a number of a range and `null`.
        """
        if self.can_be(value):
            return value
        if self.kind == "categorical":
            return self.choices[0] if self.size is None else [self.choices[0]] * self.size
        if self.size is not None or not _is_number(value):
            return None
        inside = min(max(value, self.low), self.high)
        step = self.step or (1 if self.kind == "int" else None)
        return inside if step is None else self.low + round((inside - self.low) / step) * step

    def encoded(self, value: Any) -> dict[str, bool | int | float | str | None]:
        """A value as Optuna is given it, under the names that `suggest` asks for."""
        if self.size is None:
            return {self.path: encode(value)}
        return {name: encode(entry) for name, entry in zip(self.names, value, strict=True)}

    def expected(self, name: str, rng: np.random.Generator) -> bool | int | float | str | None:
        """A value drawn from the prior, as Optuna is given it.

        Args:
            name: that `suggest` asks for: the path, or that of an entry of a list.
            rng: draws.
        """
        entry = 0 if self.size is None else int(name.rpartition(".")[2])
        return encode(draw_expected(self, entry, rng))

    @property
    def names(self) -> tuple[str, ...]:
        """What `suggest` asks the trial for."""
        return (self.path,) if self.size is None else tuple(f"{self.path}.{n}" for n in range(self.size))

    def _holds(self, value: Any) -> bool:
        """Whether a value is one of the choices, or a number of the range and on its steps."""
        if self.kind == "categorical":
            return value in self.choices
        if not _is_number(value) or not self.low <= value <= self.high:
            return False
        step = self.step or (1 if self.kind == "int" else None)
        steps = 0 if step is None else (value - self.low) / step
        return bool(abs(steps - round(steps)) < ROUNDING)

    def _draw(self, trial: optuna.trial.BaseTrial, name: str) -> Any:
        if self.kind == "categorical":
            drawn = trial.suggest_categorical(name, [encode(choice) for choice in self.choices])
            return next(choice for choice in self.choices if encode(choice) == drawn)
        if self.kind == "int":
            return trial.suggest_int(
                name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log
            )
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_postprocessing(path: str) -> bool:
    """Whether a dotted path is searched on kept probabilities, after the training."""
    return path.startswith("postprocessing.")


def encode(choice: Any) -> bool | int | float | str | None:
    """A choice as Optuna's storages hold it: None, booleans, numbers and text as they are, anything else as JSON."""
    return choice if choice is None or isinstance(choice, bool | int | float | str) else json.dumps(choice)
