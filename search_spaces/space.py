"""A search space: read from nested YAML that mirrors the configuration, checked against it, drawn from.

::

    schedule:
      shape: {type: categorical, choices: [linear, polynomial]}
      exponent: {type: float, low: 0.5, high: 4.0, when: {schedule.shape: [polynomial]}}
      end: 0.0                                            # a plain value is fixed for all trials
      drops: {type: float, low: 0.1, high: 1.0, size: 3}  # a list of three
    trainer:
      learning_rate: {type: float, around: 3, log: true}  # from a third of the configured value to three times as much
      momentum: {type: float, low: 0.5, high: 0.95, prior: {at: 0.9, width: 0.1}}  # expected near 0.9
    model:
      inputs: {type: subsets}                             # every availability subset, one trial after the other
      slices: {type: categorical, choices: [10, 12, 14], in_turn: true}   # likewise; with several, every combination

Keys under `postprocessing.` are searched on kept probabilities inside each trial and cost no training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial, reduce
from itertools import islice
from operator import getitem
from typing import TYPE_CHECKING, Any

from search_spaces.checking import MOST_TURNS, Checker, configured_value, find_problems
from search_spaces.parameter import Parameter, is_postprocessing
from search_spaces.reading import read_parameters
from search_spaces.subsets import availability_subsets
from study.config import Config
from study.errors import ConfigError

if TYPE_CHECKING:
    import optuna

__all__ = ["SearchSpace"]


@dataclass(frozen=True)
class SearchSpace:
    """Parameters in an order in which conditions come before what depends on them.

    Attributes:
        parameters: what the search sets.
        given: the configuration's own values of these settings, and of those that conditions name.
        unreached: what is never set, since its conditions never hold.
    """

    parameters: tuple[Parameter, ...]
    given: Mapping[str, Any]
    unreached: tuple[Parameter, ...] = ()

    @classmethod
    def parse(cls, content: Mapping[str, Any], config: Config) -> SearchSpace:
        """The space that nested content makes.

        Args:
            content: of the YAML file.
            config: what each trial starts from.

        Raises:
            ConfigError: lists every mistake with its path `search_space.…`.
        """
        problems: list[str] = []
        subsets = availability_subsets(
            config.cohort.modalities, config.modality_dropout.droppable, config.evaluation.subsets
        )
        parameters = read_parameters(content, problems, subsets, partial(configured_value, config))
        by_path = {parameter.path: parameter for parameter in parameters}
        problems += find_problems(by_path, config)
        if problems:
            raise ConfigError(problems)
        paths = {path for parameter in parameters for path in (parameter.path, *parameter.when)}
        given = {path: configured_value(config, path) for path in paths}
        reached, unreached = _divided(by_path, given)
        return cls(reached, given, unreached)

    def resolved(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content that this space was read from, with the ends of ranges in place of `around`."""
        resolved = deepcopy(dict(content))
        for parameter in (*self.parameters, *self.unreached):
            if parameter.around is not None:
                leaf: dict[str, Any] = reduce(getitem, parameter.path.split("."), resolved)
                del leaf["around"]
                leaf |= {"low": parameter.low, "high": parameter.high}
        return resolved

    def suggest(self, trial: optuna.trial.BaseTrial) -> dict[str, Any]:
        """The values of one trial by dotted path; parameters whose conditions do not hold are left out."""
        values: dict[str, Any] = {}
        for parameter in self.parameters:
            if self.applies(parameter, values):
                values[parameter.path] = parameter.suggest(trial)
        return values

    def enumerate(self, at_most: int) -> list[dict[str, Any]] | None:
        """The values of every trial that can be suggested; None where these are more than `at_most`, or infinite."""
        trials: list[dict[str, Any]] = [{}]
        for parameter in self.parameters:
            longer: list[dict[str, Any]] = []
            for values in trials:
                if not self.applies(parameter, values):
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
        checker = Checker({parameter.path: parameter for parameter in self.parameters}, config)
        for parameter in self.parameters:
            if parameter.path.startswith(prefix):
                for _, value in parameter.probes():
                    if (values := checker.values([(parameter, value)])) is not None:
                        yield values

    def applies(self, parameter: Parameter, values: Mapping[str, Any]) -> bool:
        """Whether a parameter's conditions hold, given the values of those before it."""
        return all(values.get(path, self.given[path]) in allowed for path, allowed in parameter.when.items())

    @property
    def fixed(self) -> dict[str, Any]:
        """The values by path that hold for all trials, whatever else is chosen."""
        return {p.path: p.value for p in self.parameters if p.kind == "fixed" and not p.when}

    @property
    def turns(self) -> tuple[dict[str, Any], ...]:
        """The combinations of all parameters that are tried one trial after the other; empty if there are none.

        The configured combination comes first, the others in the file's order. A parameter whose conditions do not
        hold in a combination is not in it.
        """
        in_turn = tuple(parameter for parameter in self.parameters if parameter.in_turn)
        if not in_turn:
            return ()
        combinations = SearchSpace(in_turn, {**self.given, **self.fixed}).enumerate(MOST_TURNS) or ()
        return tuple(sorted(combinations, key=lambda turn: not turn.items() <= self.given.items()))

    @property
    def priors(self) -> dict[str, Parameter]:
        """The parameters that something is expected of, by the names that Optuna knows them by."""
        return {name: p for p in self.parameters if p.prior is not None for name in p.names}

    @property
    def outer(self) -> SearchSpace:
        """The parameters that cost a training to try."""
        return self._part(lambda path: not is_postprocessing(path))

    @property
    def postprocessing(self) -> SearchSpace:
        """The parameters that are tried on kept probabilities."""
        return self._part(is_postprocessing)

    def _part(self, belongs: Callable[[str], bool]) -> SearchSpace:
        of = [tuple(p for p in some if belongs(p.path)) for some in (self.parameters, self.unreached)]
        return SearchSpace(of[0], self.given, of[1])


def _divided(
    by_path: Mapping[str, Parameter], given: Mapping[str, Any]
) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
    """The parameters that some trial sets, conditions before what depends on them; and those that none sets."""
    reached: dict[str, Parameter] = {}
    unreached = []

    def can_hold(path: str, allowed: tuple[Any, ...]) -> bool:
        searched = reached.get(path)
        if searched is not None and any(map(searched.can_be, allowed)):
            return True
        return (searched is None or bool(searched.when)) and given[path] in allowed

    for path in sorted(by_path, key=_depth(by_path)):
        if all(can_hold(condition, allowed) for condition, allowed in by_path[path].when.items()):
            reached[path] = by_path[path]
        else:
            unreached.append(by_path[path])
    return tuple(reached.values()), tuple(unreached)


def _depth(by_path: Mapping[str, Parameter]) -> Callable[[str], tuple[int, str]]:
    """A sort key: the length of the chain of conditions, then the name, so that the order in the file has no effect."""

    def chain(path: str) -> int:
        return 1 + max((chain(p) for p in by_path[path].when if p in by_path), default=0)

    return lambda path: (chain(path), path)
