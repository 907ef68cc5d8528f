"""Mistakes that pydantic finds, in our words: where, what would be right, and what was given instead."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails

from study.config.fields import Kind, kind_at, paths_of
from study.config.mistakes import PLAIN, mistake
from study.config.nearest import did_you_mean, no_such_key
from study.config.parts import must_be_one_of
from study.config.words import MOST, choices_of, kind_in_words, shown

__all__ = ["explain", "explained", "relocated"]

WELL_WORDED = ("value_error", "assertion_error", PLAIN)  # by validators of our own, or of another's part
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
LONGEST = 60  # characters of a value that are repeated


def explained(owner: Any, error: ValidationError, more: Sequence[str] = ()) -> list[str]:
    """A line for each mistake: its dotted path, and what is wrong.

    Args:
        owner: the section or dataclass that was validated.
        error: its mistakes.
        more: other keys that the command takes, for the nearest name.
    """
    details = error.errors(include_url=False)
    broken = {detail["loc"][:length] for detail in details for length in range(len(detail["loc"]))}
    lines = []
    for detail in details:
        if detail["type"] == "too_short" and detail["loc"] in broken:
            continue  # pydantic counts the valid entries only
        path, message = explain(owner, detail, more)
        lines.append(f"{'.'.join(path)}: {message}" if path else message)
    return list(dict.fromkeys(lines))


def explain(owner: Any, detail: Any, more: Sequence[str] = ()) -> tuple[tuple[str, ...], str]:
    """The path of a mistake (of the setting, where an entry of its list is wrong), and what is wrong with it."""
    location = tuple(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _unknown(owner, location, detail, more)
    if detail["type"] in WELL_WORDED:
        return location[:-1] if location and location[-1].isdecimal() else location, _own_words(detail)
    if detail["type"] == "json_invalid":
        return location, "is not JSON"
    path = _without_places(owner, location)
    kind = kind_at(owner, path) or Kind(Any)
    inner = kind.type if _is_section(kind.type) else None
    if detail["type"] == "missing" and path == location:
        below = [name for name, field in inner.model_fields.items() if field.is_required()] if inner else []
        return (*path, *below[:1]), "required and not given"
    if inner is not None:
        first = ".".join([*path, next(iter(inner.model_fields))])
        return path, f"is a section; set its keys, such as {first}, got {_given(detail['input'])}"
    return path, _refusal(kind, location[len(path) :], detail)


def relocated(owner: Any, error: ValidationError, *above: str) -> list[InitErrorDetails]:
    """The mistakes of a part's own settings, in our words, at their place in the section that holds them."""
    found = [explain(owner, detail) for detail in error.errors(include_url=False)]
    return [mistake(message, *above, *path) for path, message in found]


def _is_section(owner: Any) -> bool:
    return isinstance(owner, type) and issubclass(owner, BaseModel)


def _has_fields(kind: Kind | None) -> bool:
    return kind is not None and (_is_section(kind.type) or dataclasses.is_dataclass(kind.type))


def _own_words(detail: Any) -> str:
    error = detail.get("ctx", {}).get("error")
    return str(detail["msg"] if error is None else error)


def _unknown(
    owner: Any, location: tuple[str, ...], detail: Any, more: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    *above, name = location
    section = kind_at(owner, tuple(above))
    legal = list(section.type.model_fields) if section and _is_section(section.type) else []
    below = _first_path(detail["input"])
    whole = (*location, *below)
    paths = [
        *(paths_of(owner) if _is_section(owner) else ()),
        *more,
        *(".".join([*above, key]) for key in legal),
    ]
    near = did_you_mean(".".join(whole), paths)
    if near or above:
        return whole, f"no such key{near}" if near else no_such_key(legal, ".".join(above), name)
    return whole, f"no such key; there are {', '.join(legal)}"


def _first_path(content: Any) -> tuple[str, ...]:
    """The path to the first value of nested content."""
    if isinstance(content, Mapping) and content:
        name, inner = next(iter(content.items()))
        return (str(name), *_first_path(inner))
    return ()


def _without_places(owner: Any, location: tuple[str, ...]) -> tuple[str, ...]:
    """The location without places in a list, and without pydantic's names of the branches of a union."""
    for length in range(1, len(location) + 1):
        kind = kind_at(owner, location[:length])
        if kind is None:
            return location[: length - 1] or location
        if kind.is_list and not _has_fields(kind.unless_null.entry):
            return location[:length]
    return location[:-1] if location[-1:] == ("[key]",) else location


def _refusal(kind: Kind, entry: tuple[str, ...], detail: Any) -> str:
    """`must be a whole number, at least 1, got 'x'`; of an entry of a list, which one."""
    given, where = detail["input"], ""
    if entry == ("[key]",):
        return f"the name {_given(given)} must be text"
    if entry and detail["type"] != "missing" and (inner := kind.unless_null.entry) is not None:
        kind, where = inner, f"entry {int(entry[0]) + 1} "
    if kind.type is Any:
        return f"{where}is no legal value, got {_given(given)}"
    if given == "":
        return f"{where}has no value; it must be {kind_in_words(kind)}"
    if (names := choices_of(kind.unless_null)) is not None and isinstance(given, str):
        return where + must_be_one_of([shown(name) for name in names], given)
    if isinstance(given, str) and DECIMAL_COMMA.fullmatch(given) and kind.unless_null.type in (int, float):
        return f"{where}must be {kind_in_words(kind)}, got {given!r}; write {given.replace(',', '.')}"
    most = f", below {MOST}" if detail["type"] == "less_than" and detail["ctx"]["lt"] == MOST else ""
    return f"{where}must be {kind_in_words(kind)}{most}, got {_given(given)}"


def _given(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else shown(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
