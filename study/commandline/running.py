"""Runs a command in its process: errors in one line each, and exit codes."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

from study.config import hide_passwords
from study.errors import AllFailedError, FadeoutError
from study.machine.interrupts import exit_code, interruptible

__all__ = ["run_command"]


def run_command(command: Callable[[Sequence[str]], None], arguments: Sequence[str] | None = None) -> None:
    """Run a command; an error that the user can fix is printed on stderr without traceback, and the exit code is 2.

    It is 3 where every trial of a study has failed. Ctrl-C, SIGTERM and SIGUSR1 end it with one line, which says how to
    continue where that is known; the exit code is then 128 and the signal's number: 130 for Ctrl-C, 143 for SIGTERM.

    Args:
        command: takes the arguments, and answers `--help` itself.
        arguments: None: those of the process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with interruptible():
            command(arguments)
    except (FadeoutError, OSError) as error:
        if "debug=true" in arguments:
            sys.stderr.write(hide_passwords(traceback.format_exc()))
        sys.stderr.writelines(f"error: {hide_passwords(line)}\n" for line in _lines(error))
        raise SystemExit(3 if isinstance(error, AllFailedError) else 2) from None
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("; ".join(["interrupted", *getattr(interrupt, "__notes__", ())]) + "\n")
        raise SystemExit(exit_code(interrupt)) from None


def _lines(error: Exception) -> list[str]:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return [
            f"{where}{error.strerror or error}; free space, check permissions, or choose another study.root"
        ]
    return str(error).splitlines()
