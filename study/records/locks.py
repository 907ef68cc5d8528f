"""Locks in a study's folder, for driving and for tracking it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.errors import StudyError
from study.records.files import refuse_link

TRIES, PAUSE_S = 5, 0.05  # whoever asks whether a lock is held holds it for a moment


@contextmanager
def held(path: Path, otherwise: str) -> Iterator[None]:
    """Hold a lock; raises StudyError with the text `otherwise` if another process holds it."""
    refuse_link(path)
    with path.open("w") as lock:
        for left in reversed(range(TRIES)):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise StudyError(otherwise) from None
                time.sleep(PAUSE_S)
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds a lock; asks by taking it for a moment together with all who ask."""
    refuse_link(path)
    try:
        with path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
