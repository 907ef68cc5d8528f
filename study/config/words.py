"""What values a setting takes, and values themselves, in words: for `--help`, the reference, and messages."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.config.fields import Kind
from study.config.known import Known

__all__ = ["MOST", "choices_of", "default_in_words", "kind_in_words", "shown"]

_ONE = {
    float: "a number",
    int: "a whole number",
    str: "text",
    bool: "true or false",
    Path: "a path",
    Any: "any value",
}
_MANY = {float: "numbers", int: "whole numbers", str: "names", bool: "true or false", Path: "paths"}
MOST = 2**31  # the bound of whole numbers in general, which is not worth a word


def kind_in_words(kind: Kind, code: str = "") -> str:
    """What values a setting takes: "a whole number, at least 1", "one of sgd, adam".

    Args:
        kind: the setting's type.
        code: what is put around values, such as a backtick.
    """
    if (inner := kind.unless_null) != kind:
        return f"{kind_in_words(inner, code)}, or {code}null{code}"
    origin, arguments = get_origin(kind.type), get_args(kind.type)
    if origin in (Union, types.UnionType):
        words = [kind_in_words(Kind.of(one), code) for one in arguments if one is not types.NoneType]
        return ", or ".join([*words, *([f"{code}null{code}"] if types.NoneType in arguments else [])])
    if (names := choices_of(kind)) is not None:
        return _one_of(names, code)
    if origin in (tuple, list):
        return ", ".join([*_list(arguments, kind.entry or Kind(Any), code), *_limits(kind.metadata)])
    if origin is dict or (kind.type is Any and kind.metadata):  # the latter: own settings of parts
        return f"a mapping, {code}{{name: value}}{code}"
    name = _ONE.get(kind.type) or f"a {getattr(kind.type, '__name__', kind.type)}"
    return ", ".join([name, *_limits(kind.metadata)])


def choices_of(kind: Kind) -> tuple[Any, ...] | None:
    """The values that a setting may have, where they can be listed."""
    if get_origin(kind.type) is Literal:
        return get_args(kind.type)
    known = next((one for one in kind.metadata if isinstance(one, Known)), None)
    return None if known is None else known.names()


def default_in_words(field: FieldInfo) -> str | None:
    """A setting's default as it is typed on the command line; None if it must be given."""
    return None if field.is_required() else shown(field.get_default(call_default_factory=True))


def number_of(count: int, noun: str) -> str:
    """A number of things: `1 subject`, `2 subjects`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {shown(one)}' for key, one in value.items())}}}"
    return str(value) if isinstance(value, str | Path) else json.dumps(value, default=str)


def _one_of(names: Sequence[Any], code: str) -> str:
    if not names:
        return "the name of a part of an installed package (there is none)"
    listed = ", ".join(f"{code}{shown(name)}{code}" for name in names)
    return listed if len(names) == 1 else f"one of {listed}"


def _list(inner: Sequence[Any], entry: Kind, code: str) -> Iterator[str]:
    count = f"{len(inner)} " if len(inner) > 1 and inner[1] is not Ellipsis else ""
    if (names := choices_of(entry)) is not None:
        yield f"a list of {count}names"
        yield f"each {_one_of(names, code)}"
        return
    yield f"a list of {count}{_MANY.get(entry.type, 'values')}"
    yield from (f"each {limit}" for limit in _limits(entry.metadata))


def _limits(metadata: Sequence[Any]) -> Iterator[str]:
    limits = [one for item in metadata for one in (item.metadata if isinstance(item, FieldInfo) else [item])]
    low = next((limit.ge for limit in limits if isinstance(limit, bounds.Ge)), None)
    above = next((limit.gt for limit in limits if isinstance(limit, bounds.Gt)), None)
    high = next((limit.le for limit in limits if isinstance(limit, bounds.Le)), None)
    below = next((limit.lt for limit in limits if isinstance(limit, bounds.Lt)), None)
    fewest = next((limit.min_length for limit in limits if isinstance(limit, bounds.MinLen)), None)
    if low is not None and high is not None:
        yield f"{low} to {high}"
        return
    words = {"at least": low, "above": above, "at most": high, "below": None if below == MOST else below}
    yield from (f"{word} {limit}" for word, limit in words.items() if limit is not None)
    if pattern := next((found for limit in limits if (found := getattr(limit, "pattern", None))), None):
        yield f"matching {pattern}"
    if fewest is not None:
        yield "not empty" if fewest == 1 else f"at least {fewest}"
