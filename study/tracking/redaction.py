"""What leaves the study's folder: settings without file paths, addresses or passwords."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from study.config import Config
from study.config.section import SHIPPED_BUNDLES

LOCAL_PATH = "(local path)"
ADDRESSES = frozenset({"tracking.uri", "tuning.storage", "cluster"})  # may hold host names and passwords


def redact(content: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A copy of a nested configuration in which everything that is or looks like a file path becomes `(local path)`."""
    clean = {}
    for key, value in content.items():
        below = f"{path}.{key}" if path else str(key)
        clean[str(key)] = redact(value, below) if isinstance(value, Mapping) else redact_value(below, value)
    return clean


def redact_value(path: str, value: Any) -> Any:
    """The value of the setting at a dotted path, or `(local path)`."""
    if isinstance(value, list | tuple):
        return [redact_value(path, item) for item in value]
    if isinstance(value, Mapping):
        return redact(value, path)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if path == "lesion.path" and text in SHIPPED_BUNDLES:
        return text
    hidden = path in path_fields() or path in ADDRESSES or "/" in text or "\\" in text or text.startswith("~")
    return LOCAL_PATH if hidden else text


def flatten(content: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A nested configuration as dotted path to value; lists stay values."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        below = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            flat.update(flatten(value, below))
        else:
            flat[below] = value
    return flat


def shown(value: Any) -> str:
    """A setting as text: lists joined by commas."""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@cache
def path_fields() -> frozenset[str]:
    """The dotted paths of all settings that hold a file path."""
    return frozenset(_path_fields(Config, ""))


def _path_fields(section: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if _holds_path(field.annotation):
            yield prefix + name
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _path_fields(field.annotation, f"{prefix}{name}.")


def _holds_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_holds_path, get_args(annotation)))
