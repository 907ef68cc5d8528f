"""Arguments of the commands that take a configuration, before Hydra sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.config.parts import must_be_one_of
from study.config.values import with_values
from study.errors import ConfigError

__all__ = ["given_values", "prepare_overrides", "split_arguments", "take_cfg_job"]


def take_cfg_job(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without `--cfg job`, and whether it was among them."""
    rest = list(arguments)
    for index, argument in enumerate(rest):
        if argument in ("--cfg=job", "-c=job"):
            return rest[:index] + rest[index + 1 :], True
        if argument in ("--cfg", "-c") and rest[index + 1 : index + 2] == ["job"]:
            return rest[:index] + rest[index + 2 :], True
    return rest, False


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    """The overrides among the arguments, and the folders that `--config-dir` names.

    Raises:
        ConfigError: a folder does not exist.
    """
    overrides: list[str] = []
    directories: list[Path] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--config-dir":
            directories.append(Path(next(remaining, "")))
        elif argument.startswith("--config-dir="):
            directories.append(Path(argument.partition("=")[2]))
        else:
            overrides.append(argument)
    if missing := [f"--config-dir: no such folder: {path}" for path in directories if not path.is_dir()]:
        raise ConfigError(missing)
    return overrides, directories


def given_values(
    overrides: Sequence[str], known: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], dict[str, Any]]:
    """The choices of groups and the nested values that legal overrides give."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = [OverridesParser.create().parse_override(override) for override in overrides]
    given = {one.key_or_group: one.value() for one in parsed if not one.is_delete()}
    chosen = {key: str(value) for key, value in given.items() if key in known and not isinstance(value, dict)}
    return chosen, with_values({}, {key: value for key, value in given.items() if key not in chosen})


def prepare_overrides(overrides: Sequence[str], known: Mapping[str, Sequence[str]]) -> list[str]:
    """Overrides that Hydra accepts whatever their key, so that pydantic names every unknown key at once.

    Args:
        overrides: as typed.
        known: the choices of each group.

    Raises:
        ConfigError: lists every argument that is no override, and every choice that does not exist.
    """
    prepared: list[str] = []
    problems: list[str] = []
    for override in overrides:
        try:
            prepared.append(_prepare(override, known))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ConfigError(problems)
    return prepared


def _prepare(override: str, known: Mapping[str, Sequence[str]]) -> str:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(override)
    except (HydraException, ValueError):  # ValueError: a number of thousands of digits
        raise ValueError(
            f"{override}: not understood; write key=value (quote values with spaces or commas)"
        ) from None
    except RecursionError:
        raise ValueError(f"{override[:40]}…: nested too deeply; write it flat") from None
    key = parsed.key_or_group
    if parsed.is_sweep_override():
        raise ValueError(
            f"{override}: several values; write [a,b] for a list, or search for the best one (search_space.{key})"
        )
    if "/" in key:
        raise ValueError(f"{override}: no such group; there are {', '.join(known)}")
    if key in known:
        choice = parsed.value()
        if choice is not None and not isinstance(choice, dict) and choice not in known[key]:
            raise ValueError(f"{key}: {must_be_one_of(known[key], str(choice))}")
        return override
    return override if override[0] in "+~" else f"++{override}"
