"""Locks in a study's folder, for driving and for tracking it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.errors import StudyError
from study.records.files import refuse_link


@contextmanager
def held(path: Path, otherwise: str) -> Iterator[None]:
    """Hold a lock; raises StudyError with the text `otherwise` if another process holds it."""
    refuse_link(path)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(otherwise) from None
        yield
