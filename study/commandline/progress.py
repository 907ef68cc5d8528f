"""Progress of the commands, printed."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

Say = Callable[[str], None]  # receives lines for the user: `say`, or what a caller from Python passes

PIPE_CLOSED = 141  # exit code: 128 and the number of SIGPIPE, which ends other tools


def say(text: str) -> None:
    """Print to standard output at once, so that a log file follows a long study.

    Raises:
        SystemExit: nobody reads on (`… | head`). In another thread than the main one, that one is interrupted.
    """
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the end of Python tries again
        if threading.current_thread() is not threading.main_thread():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            return
        raise SystemExit(PIPE_CLOSED) from None
