"""Commands for the user to paste: with the Python that runs now, and quoted where the shell needs it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["command_line", "interpreter", "near_path"]


def command_line(module: str, *arguments: str) -> str:
    """`.venv/bin/python -m study.export study.name=first 'out=my bundle'`: works when pasted in the current folder."""
    return " ".join([interpreter(), "-m", module, *map(shlex.quote, arguments)])


def interpreter() -> str:
    """How the Python that runs now is called: `python` if the shell finds it by that name, otherwise its path."""
    running = Path(sys.executable)
    found = shutil.which("python")
    if found is not None and Path(found).parent.resolve() == running.parent.resolve():
        return "python"
    return shlex.quote(near_path(running))


def near_path(path: Path) -> str:
    """A path as it is best typed in the current folder: relative if it lies below, otherwise absolute."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
