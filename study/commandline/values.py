"""Values as they are typed: `3`, `text with spaces`, `[a, b]`, `{name: value}`, `null`, `"in quotes"`.

A setting that holds text takes it as it is typed, whatever it looks like; one that holds a list takes a single entry
without brackets. What stands in quotes, a whole value or an entry of a list, is text, too.
"""

from __future__ import annotations

import re
from typing import Any

from study.config.fields import Kind

__all__ = ["DEEPEST", "read_value"]

LONGEST = 4_000  # characters; Python refuses numbers of more than 4,300 digits
DEEPEST = 50  # lists within lists, and parts of a dotted path
WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][+-]?[0-9]+)?")
CONSTANTS = {"null": None, "true": True, "True": True, "false": False, "False": False}
BARE = re.compile(
    r"(?:\$\{[^}]*\}|[^\[\]{},])*"
)  # text without quotes in a list; ${…} refers to another setting
NAME = re.compile(r"[^\[\]{},:]+(?=\s*:)")


def read_value(text: str, kind: Kind | None = None) -> Any:
    """The value that text stands for.

    Args:
        text: as typed behind the equals sign.
        kind: type of the setting; None if it is not known, and the text alone decides.

    Raises:
        ValueError: brackets or quotes are not closed, or there is too much of it; says what.
    """
    if len(text) > LONGEST:
        raise ValueError(f"has more than {LONGEST} characters; write less")
    if text[:1] in ("'", '"') and text.find(text[0], 1) == len(text) - 1:
        return text[1:-1]
    if text == "null":
        return None
    if kind is not None and kind.is_text:
        return text
    if text[:1] in ("[", "{"):
        return _Reader(text).read(kind)
    if kind is None or not kind.is_list:
        return _by_look(text)
    if "," in text:
        raise ValueError(f"takes a list; write [{text}]")
    return [_by_look(text, kind.entry)]


def _by_look(text: str, kind: Kind | None = None) -> Any:
    """A number, true, false, null; anything else, and everything where text is wanted, is text."""
    if kind is not None and kind.is_text:
        return None if text == "null" else text
    if text in CONSTANTS:
        return CONSTANTS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text


class _Reader:
    """Reads lists and mappings from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def read(self, kind: Kind | None) -> Any:
        value = self._value(kind)
        self._skip_space()
        if rest := self._text[self._at :]:
            raise ValueError(f"has {rest!r} behind its closing bracket; remove it, or put it in quotes")
        return value

    def _value(self, kind: Kind | None) -> Any:
        self._skip_space()
        start = self._text[self._at : self._at + 1]
        if start in ("[", "{"):
            self._depth += 1
            if self._depth > DEEPEST:
                raise ValueError("is nested too deeply; write it flat")
            entry = kind.entry if kind is not None else None
            value = self._list(entry) if start == "[" else self._mapping(entry)
            self._depth -= 1
            return value
        if start in ("'", '"'):
            return self._quoted(start)
        bare = BARE.match(self._text, self._at)
        self._at = bare.end() if bare else self._at
        text = bare[0].strip() if bare else ""
        if not text:
            raise ValueError(
                f"has an entry without a value before {self._text[self._at :][:10]!r}; remove a comma"
            )
        return _by_look(text, kind)

    def _list(self, entry: Kind | None) -> list[Any]:
        values: list[Any] = []
        while self._more("]", first=not values):
            values.append(self._value(entry))
        return values

    def _mapping(self, entry: Kind | None) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while self._more("}", first=not values):
            name = self._name()
            if name in values:
                raise ValueError(f"has {name} twice; leave one of them out")
            values[name] = self._value(entry)
        return values

    def _name(self) -> str:
        self._skip_space()
        start = self._text[self._at : self._at + 1]
        if start in ("'", '"'):
            name = self._quoted(start)
            self._skip_space()
        else:
            bare = NAME.match(self._text, self._at)
            name = bare[0].strip() if bare else ""
            self._at = bare.end() if bare else self._at
            self._skip_space()
        if not name or self._text[self._at : self._at + 1] != ":":
            raise ValueError("has an entry that is not name: value; write {name: value}")
        self._at += 1
        return name

    def _more(self, closing: str, *, first: bool) -> bool:
        """Step over the opening bracket or a comma; False, behind the closing bracket, at the end."""
        if first:
            self._at += 1
        self._skip_space()
        found = self._text[self._at : self._at + 1]
        if found == closing:
            self._at += 1
            return False
        if not found:
            raise ValueError(f"lacks {closing!r} at its end; if it has spaces, quote the whole argument")
        if first:
            return True
        if found != ",":
            raise ValueError(f"lacks a comma before {self._text[self._at :][:10]!r}")
        self._at += 1
        return True

    def _quoted(self, quote: str) -> str:
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            raise ValueError(f"has a quote ({quote}) that is not closed; close it")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        return text

    def _skip_space(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
