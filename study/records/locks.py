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
_ours: set[Path] = set()  # locks that this process holds


@contextmanager
def held(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Hold a lock; within a process that holds it already, nothing more happens.

    Args:
        path: of the lock's file.
        what: another process does then, for the message.
        remedy: what to do then.

    Raises:
        StudyError: another process holds it; tells which one, and since when.
    """
    refuse_link(path)
    place = path.absolute()
    if place in _ours:
        yield
        return
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(f"{what}{_holder(lock)}; {remedy}") from None
        _sign(lock)
        _ours.add(place)
        try:
            yield
        finally:
            _ours.discard(place)
            lock.truncate(0)  # a study that is passed on names no machine


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
