"""What all commands share: `key=value` arguments, one-line errors, exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping, Sequence

from study.errors import ConfigError, FadeoutError


def run_command(command: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> None:
    """Run a command; what a user can mend is printed on stderr without traceback, and the exit code is 2.

    Args:
        command: takes the arguments; `--help` is its own affair.
        arguments: None takes the process's.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        command(arguments)
    except (FadeoutError, OSError) as error:
        if "debug=true" in arguments:
            traceback.print_exc()
        sys.stderr.writelines(f"error: {line}\n" for line in _lines(error))
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(130) from None


def _lines(error: Exception) -> list[str]:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return [
            f"{where}{error.strerror or error}; free space, check permissions, or choose another study.root"
        ]
    return str(error).splitlines()


def parse_pairs(
    arguments: Sequence[str], legal: Mapping[str, str], *, others: bool = False
) -> dict[str, str]:
    """`key=value` arguments as a dict; raises ConfigError for every one that is no pair or no legal key.

    Args:
        arguments: as typed.
        legal: key to its explanation.
        others: accept keys outside `legal` too (modality names).
    """
    pairs: dict[str, str] = {}
    problems = []
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator:
            problems.append(f"{argument}: expected key=value")
        elif key not in legal and not others:
            problems.append(f"{key}: no such key; there are {', '.join(legal)}")
        elif key in pairs:
            problems.append(f"{key}: given twice")
        else:
            pairs[key] = value
    if problems:
        raise ConfigError(problems)
    return pairs


def usage(command: str, purpose: str, legal: Mapping[str, str]) -> str:
    """The text of `--help`."""
    width = max(map(len, legal))
    lines = [f"{purpose}", "", f"usage: python -m {command} key=value …", ""]
    lines += [f"  {key:<{width}}  {explanation}" for key, explanation in legal.items()]
    return "\n".join(lines)
