"""Values at dotted paths of nested content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_values(content: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a section, changed in place: each dotted path has its new value."""
    for path, value in values.items():
        *parents, last = path.split(".")
        section = content
        for name in parents:
            section = section.setdefault(name, {})
        section[last] = value
    return content
