"""From `key=value` pairs to nested content, as a section of the configuration or of a command's own keys takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from study.commandline.values import DEEPEST, read_value
from study.config.fields import kind_at
from study.errors import ConfigError

__all__ = ["merged", "read_pairs", "resolved"]


def read_pairs(pairs: Mapping[str, str], section: type[BaseModel]) -> dict[str, Any]:
    """The content of a section that pairs make, nested like it; nothing is validated yet.

    Args:
        pairs: dotted path to value, as typed.
        section: gives the types by which values are read.

    Raises:
        ConfigError: a line for each value that cannot be read.
    """
    values, problems = [], []
    for key, text in pairs.items():
        parts = tuple(key.split("."))
        if len(parts) > DEEPEST:
            problems.append(f"{key[:40]}…: has more than {DEEPEST} parts; write a key that --help lists")
            continue
        try:
            values.append((key, read_value(text, kind_at(section, parts))))
        except ValueError as error:
            problems.append(f"{key}: {error}, got {text if len(text) < 60 else text[:60] + '…'}")
    if problems:
        raise ConfigError(problems)
    return merged({}, values)


def resolved(content: Mapping[str, Any]) -> dict[str, Any]:
    """Nested content with the values that `${…}` stands for: another key, or `${oc.env:NAME}` of the environment.

    Raises:
        ConfigError: it stands for nothing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import InterpolationResolutionError

    try:
        found: Any = OmegaConf.to_container(OmegaConf.create(dict(content)), resolve=True)
    except InterpolationResolutionError as error:
        before, _, behind = str(error).splitlines()[0].partition("resolving interpolation: ")
        told = f"${{…}} refers to something that there is not ({behind or before}); correct it"
        raise ConfigError([f"{error.full_key}: {told}"]) from None
    return {str(key): value for key, value in found.items()}


def merged(content: Mapping[str, Any], values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Nested content with values at dotted paths; a mapping is merged into the one that is there."""
    result = dict(content)
    for path, value in values:
        name, _, below = path.partition(".")
        inner = result.get(name)
        if below:
            result[name] = merged(inner if isinstance(inner, Mapping) else {}, [(below, value)])
        elif isinstance(inner, Mapping) and isinstance(value, Mapping):
            result[name] = _joined(inner, value)
        else:
            result[name] = value
    return result


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        name: _joined(one[name], other[name])
        for name in one.keys() & other.keys()
        if isinstance(one[name], Mapping) and isinstance(other[name], Mapping)
    }
    return {**one, **other, **both}
