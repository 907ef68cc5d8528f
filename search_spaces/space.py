"""A search space: read from nested YAML that mirrors the configuration, checked against it, drawn from.

::

    schedule:
      shape: {type: categorical, choices: [linear, polynomial]}
      exponent: {type: float, low: 0.5, high: 4.0, when: {schedule.shape: [polynomial]}}
      end: 0.0                                            # a plain value is fixed for all trials
      drops: {type: float, low: 0.1, high: 1.0, size: 3}  # a list of three
    model:
      inputs: {type: subsets}                             # every availability subset, one trial after the other
      slices: {type: categorical, choices: [10, 12, 14], in_turn: true}   # likewise; with several, every combination

Keys under `postprocessing.` are searched on kept probabilities inside each trial and cost no training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, islice, product
from math import prod
from typing import TYPE_CHECKING, Any

from search_spaces.parameter import Parameter
from search_spaces.reading import is_field, read_parameters
from study.config import Config
from study.errors import ConfigError

if TYPE_CHECKING:
    import optuna

MOST_TURNS = 10_000  # combinations that are still gone through one after the other
_Required = dict[str, tuple[Any, ...]]  # for a parameter to count, each path must have one of these values


@dataclass(frozen=True)
class SearchSpace:
    """Parameters in an order in which conditions come before what depends on them.

    `given` holds the configuration's own values of the settings that conditions name.
    """

    parameters: tuple[Parameter, ...]
    given: Mapping[str, Any]

    @classmethod
    def parse(cls, content: Mapping[str, Any], config: Config) -> SearchSpace:
        """Read a space; raises ConfigError that lists every mistake with its path `search_space.…`."""
        problems: list[str] = []
        parameters = read_parameters(content, problems, availability_subsets(config))
        by_path = {parameter.path: parameter for parameter in parameters}
        found = [line for parameter in parameters for line in _condition_problems(parameter, by_path, config)]
        try:
            TopologicalSorter({p.path: p.when.keys() & by_path.keys() for p in parameters}).prepare()
        except CycleError as error:
            circle = " → ".join(error.args[1])
            found.append(f"search_space: conditions go in a circle: {circle}")
        if not found:
            found = [*_turn_problems(by_path), *_Checker(by_path, config).problems()]
        if problems + found:
            raise ConfigError(problems + found)
        given = {path: _value(config, path) for parameter in parameters for path in parameter.when}
        return cls(tuple(by_path[path] for path in sorted(by_path, key=_depth(by_path))), given)

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """The values of one trial by dotted path; parameters whose conditions do not hold are left out."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if self._applies(parameter, values):
                values[parameter.path] = parameter.suggest(trial)
        return values

    def grid(self, at_most: int) -> list[dict[str, Any]] | None:
        """The values of every trial that can be suggested; None where there are infinitely or too many."""
        trials: list[dict[str, Any]] = [{}]
        for parameter in self.parameters:
            longer: list[dict[str, Any]] = []
            for values in trials:
                if not self._applies(parameter, values):
                    longer.append(values)
                elif (choices := parameter.values()) is None:
                    return None
                else:
                    some = islice(choices, at_most + 1)
                    longer += [{**values, parameter.path: value} for value in some]
                if len(longer) > at_most:
                    return None
            trials = longer
        return trials

    def probes(self, config: Config, prefix: str) -> Iterator[dict[str, Any]]:
        """Values by path for each end of each parameter under `prefix`, with what its conditions ask for."""
        checker = _Checker({parameter.path: parameter for parameter in self.parameters}, config)
        for parameter in self.parameters:
            if parameter.path.startswith(prefix):
                for _, value in parameter.probes():
                    if (values := checker.values([(parameter, value)])) is not None:
                        yield values

    @property
    def fixed(self) -> dict[str, Any]:
        """The values by path that hold for all trials, whatever else is chosen."""
        return {p.path: p.value for p in self.parameters if p.kind == "fixed" and not p.when}

    @property
    def turns(self) -> tuple[dict[str, Any], ...]:
        """What is gone through one trial after the other: the combinations of all parameters in turn, if there are any.

        A parameter whose conditions do not hold in a combination is not in it.
        """
        in_turn = tuple(parameter for parameter in self.parameters if parameter.in_turn)
        combined = SearchSpace(in_turn, {**self.given, **self.fixed}).grid(MOST_TURNS) if in_turn else None
        return tuple(combined or ())

    @property
    def outer(self) -> SearchSpace:
        """What costs a training to try."""
        return self._part(lambda path: not _is_postprocessing(path))

    @property
    def postprocessing(self) -> SearchSpace:
        """What is tried on kept probabilities."""
        return self._part(_is_postprocessing)

    def _applies(self, parameter: Parameter, values: Mapping[str, Any]) -> bool:
        """Whether a parameter's conditions hold, given the values of those before it."""
        return all(values.get(path, self.given[path]) in allowed for path, allowed in parameter.when.items())

    def _part(self, belongs: Callable[[str], bool]) -> SearchSpace:
        return SearchSpace(tuple(p for p in self.parameters if belongs(p.path)), self.given)


class _Checker:
    """Tries the ends of each range, and each pair of ends, where the conditions of the parameters hold."""

    def __init__(self, by_path: Mapping[str, Parameter], config: Config) -> None:
        self._by_path = by_path
        self._config = config
        self._fixed = [parameter for parameter in by_path.values() if parameter.kind == "fixed"]

    def problems(self) -> list[str]:
        problems = []
        sound: dict[str, list[tuple[str, Any]]] = {}
        for path, parameter in self._by_path.items():
            sound[path] = []
            for key, value in parameter.probes():
                if refusal := self._refusal([(parameter, value)]):
                    problems.append(_complaint(parameter, key, value, refusal))
                else:
                    sound[path].append((key, value))
        searched = [parameter for parameter in self._by_path.values() if parameter.kind != "fixed"]
        for one, other in combinations(searched, 2):
            for (key, value), (other_key, other_value) in product(sound[one.path], sound[other.path]):
                if refusal := self._refusal([(one, value), (other, other_value)]):
                    clash = f"{other.path} {other_value!r} (its {other_key}): {refusal}"
                    problems.append(f"search_space.{one.path}.{key}: {value!r} does not go with {clash}")
                    break
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
            if all(
                values.get(p, _value(self._config, p)) in allowed for p, allowed in parameter.when.items()
            ):
                values.setdefault(parameter.path, parameter.value)
        return values

    def _refusal(self, probed: list[tuple[Parameter, Any]]) -> str | None:
        """Why the configuration refuses these values; None where it accepts them or they never meet."""
        values = self.values(probed)
        if values is None:
            return None
        try:
            self._config.with_values(values, drawn=True)
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
        configured = _value(self._config, path)
        return configured if path not in self._by_path and configured in allowed else allowed[0]


def availability_subsets(config: Config) -> tuple[str, ...]:
    """Every availability subset that `evaluation.subsets` asks for, named as `model.inputs`, largest first.

    With `droppable` these are all modalities, and all but a droppable one in turn; with `all`, every non-empty one.
    """
    names = config.cohort.modalities
    if config.evaluation.subsets == "all":
        gone = [set(some) for size in range(len(names)) for some in combinations(names, size)]
    else:
        gone = [set(), *({name} for name in config.modality_dropout.droppable if len(names) > 1)]
    return tuple("+".join(name for name in names if name not in some) for some in gone)


def _complaint(parameter: Parameter, key: str, value: Any, refusal: str) -> str:
    if key == "type":
        return f"search_space.{parameter.path}.type: {parameter.kind} does not fit; {refusal}"
    if key == "value":
        return f"search_space.{parameter.path}: {value!r} is refused; {refusal}"
    return f"search_space.{parameter.path}.{key}: {value!r} is refused; {refusal}"


def _condition_problems(parameter: Parameter, by_path: Mapping[str, Parameter], config: Config) -> list[str]:
    problems = []
    for path, allowed in parameter.when.items():
        where = f"search_space.{parameter.path}.when.{path}"
        if not is_field(path):
            problems.append(f"{where}: neither searched nor a key of the configuration")
        elif _is_postprocessing(path) and not _is_postprocessing(parameter.path):
            problems.append(
                f"{where}: post-processing is searched after the training, so this cannot hang on it"
            )
        elif path in by_path:
            never = [value for value in allowed if not by_path[path].can_be(value)]
            problems += [f"{where}: {path} is never {value!r} in this search space" for value in never]
        else:
            for value in allowed:
                try:
                    config.with_values({path: value})
                except ConfigError as error:
                    problems.append(f"{where}: {value!r} is refused; {'; '.join(error.problems)}")
    return problems


def _turn_problems(by_path: Mapping[str, Parameter]) -> list[str]:
    """What is gone through in turn must be known before anything is drawn, and not be endless."""
    problems = []
    combinations_in_turn = prod(len(p.choices) for p in by_path.values() if p.in_turn)
    if combinations_in_turn > MOST_TURNS:
        problems.append(
            f"search_space: {combinations_in_turn} combinations in turn are too many, at most {MOST_TURNS} can be; "
            "let some of the parameters be drawn (without in_turn)"
        )
    problems += [
        f"search_space.{parameter.path}.when.{path}: what is gone through in turn cannot hang on {path}, which is "
        "drawn; let that be in_turn, too, or fix it"
        for parameter in by_path.values()
        if parameter.in_turn
        for path in parameter.when
        if path in by_path and not by_path[path].in_turn and by_path[path].kind != "fixed"
    ]
    problems += [
        f"search_space.{parameter.path}.in_turn: post-processing is searched on kept probabilities; leave it out"
        for parameter in by_path.values()
        if parameter.in_turn and _is_postprocessing(parameter.path)
    ]
    return problems


def _merge(one: _Required | None, other: _Required | None) -> _Required | None:
    """Both requirements at once, None where they contradict each other."""
    if one is None or other is None:
        return None
    merged = dict(one)
    for path, allowed in other.items():
        merged[path] = tuple(value for value in merged.get(path, allowed) if value in allowed)
    return merged if all(merged.values()) else None


def _depth(by_path: Mapping[str, Parameter]) -> Callable[[str], tuple[int, str]]:
    """Sorts by length of the chain of conditions, then by name: the order in the file has no effect."""

    def chain(path: str) -> int:
        return 1 + max((chain(p) for p in by_path[path].when if p in by_path), default=0)

    return lambda path: (chain(path), path)


def _is_postprocessing(path: str) -> bool:
    return path.startswith("postprocessing.")


def _value(config: Config, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return list(value) if isinstance(value, tuple) else value
