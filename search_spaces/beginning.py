"""The trials that a search begins with, before anything is drawn.

The first trial has the configured settings, so that whatever is found later is a gain over something. The second one
has the values that a paper names (`paper` in a search space), where they differ, and the next one those that the user
expects (`prior`), where these differ from both. Parameters with `in_turn` multiply them: every combination is tried
with the configured settings, so that combinations differ in nothing else, and only then with others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search_spaces.space import SearchSpace
from search_spaces.words import condition_text, range_text, value_text

__all__ = ["expected_setting", "first_setting", "paper_setting", "planned_trials", "remarks"]

Setting = dict[str, Any]  # values by dotted path


def planned_trials(space: SearchSpace, trials: int) -> list[dict[str, Any]]:
    """What Optuna is told of each trial before it draws the rest, by number; later trials are drawn as a whole.

    Args:
        space: that is searched, without post-processing.
        trials: how many there will be.
    """
    drawn = {parameter.path: parameter for parameter in space.parameters if parameter.kind != "fixed"}
    if not drawn:
        return []
    turns: tuple[Setting, ...] = space.turns or ({},)
    settings = [_setting(space, turn) for turn in turns]
    settings += [paper for turn in turns if (paper := paper_setting(space, turn)) is not None]
    settings += [wanted for turn in turns if (wanted := expected_setting(space, turn)) is not None]
    if space.turns:
        settings += [turns[number % len(turns)] for number in range(trials - len(settings))]
    return [
        {
            name: value
            for path in setting
            if path in drawn
            for name, value in drawn[path].encoded(setting[path]).items()
        }
        for setting in settings[:trials]
    ]


def first_setting(space: SearchSpace) -> Setting:
    """The values of the first trial: the configured ones, or those next to them that the space contains."""
    return _setting(space, next(iter(space.turns), {}))


def paper_setting(space: SearchSpace, turn: Mapping[str, Any] | None = None) -> Setting | None:
    """The first trial's values with those that the space's paper names.

    None if it names none, if they do not differ, or if the space does not contain them any more.

    Args:
        space: that is searched.
        turn: values of the parameters in turn; None takes the first combination.
    """
    turn = next(iter(space.turns), {}) if turn is None else turn
    named = {p.path: p.paper for p in space.parameters if p.paper is not None}
    setting = _setting(space, turn, named)
    if setting == _setting(space, turn) or any(
        path in setting and setting[path] != value for path, value in named.items()
    ):
        return None
    return setting


def expected_setting(space: SearchSpace, turn: Mapping[str, Any] | None = None) -> Setting | None:
    """The first trial's values with those that the space's priors lie at.

    None if nothing is expected, or if an earlier trial has these values.

    Args:
        space: that is searched.
        turn: values of the parameters in turn; None takes the first combination.
    """
    turn = next(iter(space.turns), {}) if turn is None else turn
    expected = {p.path: p.prior.at for p in space.parameters if p.prior is not None}
    setting = _setting(space, turn, expected)
    return None if setting in (_setting(space, turn), paper_setting(space, turn)) else setting


def remarks(space: SearchSpace) -> list[str]:
    """Configured and published settings that the space does not contain, and parameters that it never reaches."""
    return [*_outside(space), *_papers_outside(space), *_unreached(space)]


def _setting(space: SearchSpace, turn: Mapping[str, Any], wanted: Mapping[str, Any] | None = None) -> Setting:
    """The values of all that applies: the turn's, wanted or configured ones.

    A range to which no configured value is near is left to the sampler.
    """
    values = dict(turn)
    for parameter in space.parameters:
        path = parameter.path
        if path in values or not space.applies(parameter, values):
            continue
        start = parameter.value if parameter.kind == "fixed" else {**space.given, **(wanted or {})}[path]
        if parameter.kind == "fixed" or (start := parameter.nearest(start)) is not None:
            values[path] = start
    return values


def _outside(space: SearchSpace) -> Iterator[str]:
    first = first_setting(space)
    for parameter in space.parameters:
        path, given = parameter.path, space.given[parameter.path]
        if parameter.kind == "fixed" or not space.applies(parameter, first) or parameter.can_be(given):
            continue
        if parameter.in_turn and given is None:  # planned from the scans, or all modalities
            continue
        taken = f"takes {value_text(first[path])}" if path in first else "draws one"
        yield (
            f"{path}: the configured {value_text(given)} is outside of what is searched "
            f"({range_text(parameter)}); the first trial {taken}"
        )


def _papers_outside(space: SearchSpace) -> Iterator[str]:
    for parameter in space.parameters:
        if parameter.paper is not None and not parameter.can_be(parameter.paper):
            paper = value_text(parameter.paper)
            yield (
                f"{parameter.path}: the paper's {paper} is outside of what is searched "
                f"({range_text(parameter)}); no trial is given the paper's settings"
            )


def _unreached(space: SearchSpace) -> Iterator[str]:
    for parameter in space.unreached:
        yield f"{parameter.path}: is not searched, since it counts with {condition_text(parameter)} only"
