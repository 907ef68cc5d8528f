"""Progress of the commands, printed."""

from __future__ import annotations

import sys
from collections.abc import Callable

Say = Callable[[str], None]  # receives lines for the user: `say`, or what a caller from Python passes


def say(text: str) -> None:
    """Print to standard output at once, so that a log file follows a long study."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
