"""Settings that the command line gives and the search space sets, too: one of them would be lost without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search_spaces import Parameter, SearchSpace
from search_spaces.words import range_text, value_text
from study.config import Config
from study.config.own_settings import chooser_of

__all__ = ["find_conflicts"]

SPACE = "search_space"


def find_conflicts(
    chosen: Mapping[str, str], values: Mapping[str, Any], config: Config, space: SearchSpace
) -> list[str]:
    """A line for each setting of the command line that some trial would not have, with what to write instead.

    A setting whose entry in the search space is given, too, is meant as it is. Settings of the training count as long
    as there is more than one trial, since the first one has them.

    Args:
        chosen: choices of groups on the command line.
        values: nested values on the command line.
        config: what both make.
        space: that the configuration holds.
    """
    parameters = {parameter.path: parameter for parameter in space.parameters}
    post = {parameter.path for parameter in space.postprocessing.parameters}
    meant = dict(_flat(values.get(SPACE, {})))
    lines: list[str] = []
    for path, value in _flat(values):
        parameter = parameters.get(path)
        if parameter is None or any(f"{entry}.".startswith(f"{path}.") for entry in meant):
            continue
        if parameter.kind == "fixed":
            lines += _fixed(parameter, value)
        elif path in post or config.study.trials > 1:
            lines.append(_searched(parameter, value))
    return [*lines, *_chosen(chosen, config, parameters)]


def _fixed(parameter: Parameter, value: Any) -> Iterator[str]:
    path, own, given = parameter.path, range_text(parameter), value_text(value)
    if given != own:
        some = "some trials" if parameter.when else "all trials"
        yield (
            f"{path}: {given} is given, and the search space sets {own} in {some}; "
            f"leave it out, or write {SPACE}.{path}={given} instead"
        )


def _searched(parameter: Parameter, value: Any) -> str:
    path, given = parameter.path, value_text(value)
    ends = "choices=[…]" if parameter.kind == "categorical" else "low=… or .high=…"
    return (
        f"{path}: {given} is given, and the search space searches it ({range_text(parameter)}); "
        f"for {given} in all trials, write {SPACE}.{path}={given} instead; "
        f"to begin the search at {given}, also give {SPACE}.{path}.{ends}"
    )


def _chosen(chosen: Mapping[str, str], config: Config, parameters: Mapping[str, Parameter]) -> Iterator[str]:
    """Groups of which no trial would have what is chosen, such as a network beside a space for another one."""
    for group, choice in chosen.items():
        field = Config.model_fields.get(group)
        name = None if field is None else chooser_of(field.annotation)
        parameter = parameters.get(f"{group}.{name}")
        if parameter is None or parameter.when or (parameter.kind != "fixed" and config.study.trials == 1):
            continue
        value = getattr(getattr(config, group), str(name))
        if not parameter.can_be(value):
            yield (
                f"{group}: {choice} is chosen, and the search space has {parameter.path}={range_text(parameter)}; "
                f"choose another search_space, or write {SPACE}.{parameter.path}={value}"
            )


def _flat(content: Mapping[str, Any], parent: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        path = f"{parent}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        else:
            yield path, value
