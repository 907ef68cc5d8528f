"""Judges a search space by the configuration: conditions, turns, and the ends of every range.

Every problem is a line that begins with the path `search_space.…` of what to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, product
from math import prod
from typing import Any

from search_spaces.parameter import Parameter, is_postprocessing
from search_spaces.repair import with_drawn
from study.config import Config, is_setting
from study.errors import ConfigError

__all__ = ["MOST_TURNS", "Checker", "configured_value", "find_problems"]

MOST_TURNS = 10_000  # combinations that are still gone through one after the other
_Required = dict[str, tuple[Any, ...]]  # for a parameter to count, each path must have one of these values


def find_problems(by_path: Mapping[str, Parameter], config: Config) -> list[str]:
    """What is wrong with well-formed parameters; values are tried only where conditions and turns are sound."""
    found = [
        *(line for parameter in by_path.values() for line in _condition_problems(parameter, by_path, config)),
        *_circle_problems(by_path),
        *_replicate_problems(by_path, config),
    ]
    return found or [
        *_turn_problems(by_path),
        *_foreign_rates(by_path, config),
        *Checker(by_path, config).problems(),
    ]


def configured_value(config: Config, path: str) -> Any:
    """The configuration's value at a dotted path, lists for tuples; None for an own setting of a part not chosen."""
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name, None)
    return list(value) if isinstance(value, tuple) else value


class Checker:
    """Tries the ends of each range, and each pair of ends, where the conditions of the parameters hold.

    Args:
        by_path: all parameters of the space.
        config: what each trial starts from.
    """

    def __init__(self, by_path: Mapping[str, Parameter], config: Config) -> None:
        self._by_path = by_path
        self._config = config
        self._fixed = [parameter for parameter in by_path.values() if parameter.kind == "fixed"]

    def problems(self) -> list[str]:
        """A line for each end, each pair of ends, and each value of a condition that the configuration refuses."""
        parameters = self._by_path.values()
        problems = [line for parameter in parameters for line in self._wrong_conditions(parameter)]
        if problems:
            return problems
        sound: dict[str, list[tuple[str, Any]]] = {}
        for path, parameter in self._by_path.items():
            sound[path] = []
            for key, value in parameter.probes():
                if refusal := self._refusal([(parameter, value)]):
                    problems.append(_complaint(parameter, key, value, refusal))
                else:
                    sound[path].append((key, value))
        searched = [parameter for parameter in parameters if parameter.kind != "fixed"]
        for one, other in combinations(searched, 2):
            problems += self._clashes(one, other, sound)
        return problems

    def values(self, probed: list[tuple[Parameter, Any]]) -> dict[str, Any] | None:
        """These values with what their conditions ask for, and all fixed ones; None where they never meet."""
        required: _Required | None = {parameter.path: (value,) for parameter, value in probed}
        for parameter, _ in probed:
            required = _merge(required, self._conditions(parameter))
        if required is None:
            return None
        values = {path: self._choose(path, allowed) for path, allowed in required.items()}
        for parameter in self._fixed:
            conditions = parameter.when.items()
            if all(values.get(p, configured_value(self._config, p)) in allowed for p, allowed in conditions):
                values.setdefault(parameter.path, parameter.value)
        return values

    def _wrong_conditions(self, parameter: Parameter) -> Iterator[str]:
        """Values that a searched setting does not take here, and cannot: it may have been narrowed down to fewer."""
        for path, allowed in parameter.when.items():
            for value in allowed if path in self._by_path else ():
                other = self._by_path[path]
                if not other.can_be(value) and (refusal := self._refusal([(other, value)])):
                    yield f"search_space.{parameter.path}.when.{path}: {value!r} is refused; {refusal}"

    def _clashes(
        self, one: Parameter, other: Parameter, sound: Mapping[str, list[tuple[str, Any]]]
    ) -> Iterator[str]:
        """The first pair of sound ends of two parameters that is refused, if there is one."""
        for (key, value), (other_key, other_value) in product(sound[one.path], sound[other.path]):
            if refusal := self._refusal([(one, value), (other, other_value)]):
                clash = f"{other.path} {other_value!r} (its {other_key}): {refusal}"
                yield f"search_space.{one.path}.{key}: {value!r} does not go with {clash}"
                return

    def _refusal(self, probed: list[tuple[Parameter, Any]]) -> str | None:
        """Why the configuration refuses these values; None where it accepts them or they never meet."""
        values = self.values(probed)
        if values is None:
            return None
        try:
            with_drawn(self._config, values)
        except ConfigError as error:
            return "; ".join(error.problems)
        return None

    def _conditions(self, parameter: Parameter) -> _Required | None:
        required: _Required | None = dict(parameter.when)
        for path in parameter.when:
            if path in self._by_path:
                required = _merge(required, self._conditions(self._by_path[path]))
        return required

    def _choose(self, path: str, allowed: tuple[Any, ...]) -> Any:
        configured = configured_value(self._config, path)
        return configured if path not in self._by_path and configured in allowed else allowed[0]


def _complaint(parameter: Parameter, key: str, value: Any, refusal: str) -> str:
    if key == "type":
        return f"search_space.{parameter.path}.type: {parameter.kind} does not fit; {refusal}"
    if key == "value":
        return f"search_space.{parameter.path}: {value!r} is refused; {refusal}"
    end = "" if parameter.around is None else f", around={parameter.around:g} times the configured value,"
    return f"search_space.{parameter.path}.{key}: {value!r}{end} is refused; {refusal}"


def _condition_problems(parameter: Parameter, by_path: Mapping[str, Parameter], config: Config) -> list[str]:
    problems = []
    for path, allowed in parameter.when.items():
        where = f"search_space.{parameter.path}.when.{path}"
        if not is_setting(path):
            problems.append(f"{where}: neither searched nor a key of the configuration")
        elif is_postprocessing(path) and not is_postprocessing(parameter.path):
            problems.append(
                f"{where}: post-processing is searched after the training, so this cannot depend on it"
            )
        elif path not in by_path:
            for value in allowed:
                try:
                    config.with_values({path: value})
                except ConfigError as error:
                    problems.append(f"{where}: {value!r} is refused; {'; '.join(error.problems)}")
    return problems


def _circle_problems(by_path: Mapping[str, Parameter]) -> list[str]:
    try:
        TopologicalSorter({p.path: p.when.keys() & by_path.keys() for p in by_path.values()}).prepare()
    except CycleError as error:
        return [f"search_space: conditions go in a circle: {' → '.join(error.args[1])}"]
    return []


def _replicate_problems(by_path: Mapping[str, Parameter], config: Config) -> Iterator[str]:
    """Models for each availability subset are one system together, of which a single one cannot be repeated."""
    if config.study.replicates and "model.inputs" in by_path:
        yield (
            "search_space.model.inputs: the models for the subsets cannot be repeated with other seeds; "
            "set study.replicates=0, and run the study again with another study.seed"
        )


def _turn_problems(by_path: Mapping[str, Parameter]) -> list[str]:
    """Combinations in turn must be known before anything is drawn, and few enough to be tried."""
    problems = []
    in_turn = [parameter for parameter in by_path.values() if parameter.in_turn]
    combinations_in_turn = prod(len(parameter.choices) for parameter in in_turn)
    if combinations_in_turn > MOST_TURNS:
        problems.append(
            f"search_space: {combinations_in_turn} combinations in turn are too many, at most {MOST_TURNS} can be; "
            "let some of the parameters be drawn (without in_turn)"
        )
    problems += [
        f"search_space.{parameter.path}.when.{path}: what is tried in turn cannot depend on {path}, which is "
        "drawn; let that be in_turn, too, or fix it"
        for parameter in in_turn
        for path in parameter.when
        if path in by_path and not by_path[path].in_turn and by_path[path].kind != "fixed"
    ]
    problems += [
        f"search_space.{parameter.path}.in_turn: post-processing is searched on kept probabilities; leave it out"
        for parameter in in_turn
        if is_postprocessing(parameter.path)
    ]
    problems += [
        f"search_space.{parameter.path}.prior: post-processing is searched thoroughly on kept probabilities, without "
        "expectations; leave it out"
        for parameter in by_path.values()
        if parameter.prior is not None and is_postprocessing(parameter.path)
    ]
    return problems


def _foreign_rates(by_path: Mapping[str, Parameter], config: Config) -> Iterator[str]:
    """A range around a learning rate that was chosen for another optimiser, or another momentum."""
    rate = by_path.get("trainer.learning_rate")
    for path in ("trainer.optimizer", "trainer.momentum") if rate and rate.around else ():
        configured = configured_value(config, path)
        if path in by_path and any(value != configured for _, value in by_path[path].probes()):
            yield (
                f"search_space.trainer.learning_rate.around: the configured learning rate is for {path}={configured}, "
                f"and the search space has others; give low and high, or leave {path} out of the space"
            )


def _merge(one: _Required | None, other: _Required | None) -> _Required | None:
    """Both requirements at once, None where they contradict each other."""
    if one is None or other is None:
        return None
    merged = dict(one)
    for path, allowed in other.items():
        merged[path] = tuple(value for value in merged.get(path, allowed) if value in allowed)
    return merged if all(merged.values()) else None
