"""Before a machine is taken away: all trials bring home the checkpoint of their last epoch at once.

SIGUSR1 asks for it while the study goes on, as a scheduler such as Slurm can send it ahead of time. A study that is
interrupted asks for it as well, and waits a little for the answer.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from study.tuning.home import Home

logger = logging.getLogger(__name__)

WITHIN_S = 10.0  # a scheduler that has sent SIGTERM kills after half a minute


def hurry(home: Home, desk: Any, within_s: float = WITHIN_S) -> bool:
    """Ask all trials for what they have; whether all have delivered it in time."""
    home.ask_all()
    desk.hurry.remote()
    deadline = time.monotonic() + within_s
    while home.waiting_for and time.monotonic() < deadline:
        time.sleep(0.1)
    return not home.waiting_for


@contextmanager
def hurrying(home: Home, desk: Any, wanted: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Let SIGUSR1 and an interruption bring home what the trials have; a second interruption ends the waiting.

    Yields a function that listens for the signal again: Ray Tune has a handler of its own, which ends the search.

    Args:
        home: the driver's side.
        desk: at which the trials wait for the word.
        wanted: whether what they have is still taken in.
    """

    def heard(number: int, frame: object) -> None:
        threading.Thread(target=_told, args=(home, desk), daemon=True).start()

    def listen() -> None:
        if in_main:
            signal.signal(signal.SIGUSR1, heard)

    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGUSR1)
    listen()
    try:
        yield listen
    except KeyboardInterrupt:
        if wanted() and not hurry(home, desk):
            logger.warning("trials %s go on from an earlier checkpoint", home.waiting_for)
        raise
    finally:
        if in_main:
            signal.signal(signal.SIGUSR1, before)


def _told(home: Home, desk: Any) -> None:
    done = hurry(home, desk)
    logger.warning(
        "SIGUSR1: %s", "all trials have stored a checkpoint" if done else "some trials are still busy"
    )
