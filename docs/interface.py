"""The reference of the Python interface, from the docstrings of `study`."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import study

_TITLES = {"Args": "Arguments"}
_SECTION = re.compile(r"^(Args|Raises|Attributes):\n((?: {4}.*\n)+)", re.MULTILINE)
_CODE = re.compile(r"^::\n\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^(\w[\w, ]*): (.*)$")


def interface_page() -> str:
    """The text of the page: what the package says of itself, then each public name."""
    lines = ["# Python interface", "", _from_docstring(study)]
    for name in study.__all__:
        thing = getattr(study, name)
        lines += ["", f"## {name}", ""]
        lines += _class(thing) if inspect.isclass(thing) else _callable(name, thing)
    return "\n".join([*lines, ""])


def _class(thing: type[Any]) -> Iterator[str]:
    yield _from_docstring(thing)
    if issubclass(thing, BaseException):
        return
    for name, member in vars(thing).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield from ("", f"### {thing.__name__}.{name}", "", _from_docstring(member))
        elif inspect.isfunction(member):
            yield from ("", f"### {thing.__name__}.{name}", "", *_callable(name, member))


def _callable(name: str, thing: Any) -> Iterator[str]:
    signature = str(inspect.signature(thing)).replace("(self, ", "(").replace("(self)", "()")
    unquoted = re.sub(r"(: |-> )'([^']*)'", r"\1\2", signature)
    plain = re.sub(r"<(?:built-in )?function (\w+).*?>", r"\1", unquoted)
    yield from ("```python", f"{name}{plain}", "```", "", _from_docstring(thing))


def _from_docstring(thing: Any) -> str:
    """The docstring as Markdown: its sections as lists, and the block after `::` as code."""
    text = (inspect.getdoc(thing) or "") + "\n"
    return _SECTION.sub(_to_list, _CODE.sub(_to_code, text)).strip()


def _to_code(block: re.Match[str]) -> str:
    return f"```python\n{textwrap.dedent(block[1]).strip()}\n```\n\n"


def _to_list(block: re.Match[str]) -> str:
    items = [_ITEM.sub(r"- `\1`: \2", line) for line in textwrap.dedent(block[2]).splitlines()]
    return "\n".join([f"**{_TITLES.get(block[1], block[1])}**", "", *items, ""])
