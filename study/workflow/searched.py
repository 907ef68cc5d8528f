"""What a study searches, and what its first trials are, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces import Parameter, SearchSpace, expected_setting, first_setting, paper_setting
from search_spaces.beginning import remarks
from search_spaces.words import condition_text, prior_text, range_text, value_text

__all__ = ["describe_search"]


def describe_search(space: SearchSpace, trials: int) -> list[str]:
    """Every searched setting with its range, its condition, and its value in the first trial; then what is fixed.

    Args:
        space: of the study.
        trials: of the study.
    """
    outer = space.outer
    searched = [parameter for parameter in outer.parameters if parameter.kind != "fixed"]
    kept = [parameter for parameter in space.postprocessing.parameters if parameter.kind != "fixed"]
    lines = ["What is searched (search_space), each try with a training of its own:"]
    lines += _table(searched, first_setting(outer), "first trial") if searched else ["  nothing"]
    if kept:
        lines += ["What is searched after each training, on its kept probabilities:"]
        lines += _table(kept, first_setting(space.postprocessing), "default")
    fixed = [parameter for parameter in space.parameters if parameter.kind == "fixed"]
    if fixed:
        lines += ["What the search space sets:"]
        lines += [f"  {parameter.path}={range_text(parameter)}{_condition(parameter)}" for parameter in fixed]
    return [*lines, *_beginning(outer, trials)] if searched else lines


def _table(parameters: Sequence[Parameter], values: Mapping[str, Any], heading: str) -> list[str]:
    rows = [("setting", heading, "from what")]
    rows += [
        (
            parameter.path,
            value_text(values[parameter.path]) if parameter.path in values else "–",
            range_text(parameter) + _expectation(parameter) + _condition(parameter),
        )
        for parameter in sorted(parameters, key=lambda parameter: parameter.path)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]


def _condition(parameter: Parameter) -> str:
    return f" (with {condition_text(parameter)})" if parameter.when else ""


def _expectation(parameter: Parameter) -> str:
    return f", expected {prior_text(parameter)}" if parameter.prior is not None else ""


def _beginning(space: SearchSpace, trials: int) -> list[str]:
    """What the trials before the drawn ones are for, and what is not as one may expect."""
    turns, said, paper = len(space.turns), remarks(space), paper_setting(space)
    once = max(turns, 1)
    configured = "the configured settings" + (", except for what follows" if said else "")
    if turns:
        lines = [f"The first {turns} trials go through what is tried in turn, with {configured}."]
    elif trials == 1:
        lines = [f"The only trial has {configured}: just its post-processing is searched."]
    else:
        lines = [f"The first trial has {configured}; the others are compared with it."]
    if paper is not None and trials > once:
        changed = _changes(first_setting(space), paper)
        lines.append(f"The {'next ones have' if turns else 'second one has'} what the paper has: {changed}")
    if (wanted := expected_setting(space)) is not None and trials > once * len(lines):
        lines.append(f"Then what is expected (prior): {_changes(first_setting(space), wanted)}")
    return [*lines, *(f"  {remark}" for remark in said)]


def _changes(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    changed = (f"{path}={value_text(value)}" for path, value in other.items() if first.get(path) != value)
    return f"{', '.join(changed)}."
