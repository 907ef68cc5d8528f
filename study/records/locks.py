"""Locks in a study's folder, for driving and for tracking it; each names its holder."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from study.errors import StudyError
from study.machine.untrusted import UnreadableError, parse_json
from study.records.files import refuse_link

LONGEST = 500  # characters that are read of a lock, which may come from a stranger
TRIES, PAUSE_S = 5, 0.05  # whoever asks whether a lock is held holds it for a moment


@contextmanager
def held(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Hold a lock.

    Args:
        path: of the lock's file.
        what: another process does then, for the message.
        remedy: what to do then.

    Raises:
        StudyError: another process holds it; tells which one, and since when.
    """
    refuse_link(path)
    with path.open("a+") as lock:
        for left in reversed(range(TRIES)):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise StudyError(f"{what}{_holder(lock)}; {remedy}") from None
                time.sleep(PAUSE_S)
        _sign(lock)
        try:
            yield
        finally:
            lock.truncate(0)  # a study that is passed on names no machine


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


def refuse_held(path: Path, what: str, remedy: str) -> None:
    """Raise the error of `held` if a process holds a lock."""
    if is_held(path):
        with path.open() as lock:
            raise StudyError(f"{what}{_holder(lock)}; {remedy}")


def _sign(lock: IO[str]) -> None:
    lock.truncate(0)
    since = time.strftime("%Y-%m-%d %H:%M")
    lock.write(json.dumps({"process": os.getpid(), "host": platform.node(), "since": since}))
    lock.flush()


def _holder(lock: IO[str]) -> str:
    """Who holds a lock, in words; "" where it does not say."""
    lock.seek(0)
    try:
        signed = parse_json(lock.read(LONGEST).encode())
        host = "this machine" if signed["host"] == platform.node() else str(signed["host"])
        return f" (process {int(signed['process'])} on {host}, since {signed['since']})"
    except (UnreadableError, KeyError, TypeError, ValueError):
        return ""
