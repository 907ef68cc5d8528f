"""`key=value` arguments of the commands that take no configuration, and the text of their `--help`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from study.errors import ConfigError


def parse_pairs(
    arguments: Sequence[str], legal: Mapping[str, str], *, others: bool = False
) -> dict[str, str]:
    """`key=value` arguments as a dict.

    Args:
        arguments: as typed.
        legal: key to its explanation.
        others: whether keys outside `legal` are accepted, too (names of modalities).

    Raises:
        ConfigError: lists every argument that is no pair, no legal key, or given twice.
    """
    pairs: dict[str, str] = {}
    problems = []
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator:
            problems.append(f"{argument}: expected key=value")
        elif key not in legal and not others:
            near = get_close_matches(key, legal, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"{key}: no such key; there are {', '.join(legal)}{hint}")
        elif key in pairs:
            problems.append(f"{key}: given twice")
        else:
            pairs[key] = value
    if problems:
        raise ConfigError(problems)
    return pairs


def usage(command: str, purpose: str, legal: Mapping[str, str]) -> str:
    """The text of `--help` of a command without configuration.

    Args:
        command: its module.
        purpose: the first lines.
        legal: key to its explanation.
    """
    width = max(map(len, legal))
    lines = [f"{purpose}", "", f"usage: python -m {command} key=value …", ""]
    lines += [f"  {key:<{width}}  {explanation}" for key, explanation in legal.items()]
    return "\n".join(lines)
