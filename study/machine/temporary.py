"""Temporary folders of this user's studies: removed at their end, or, after a kill, by the next study."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "fadeout-"
_LOCK = ".lock"
MADE_WITHIN_S = 60.0
ENDING_S = 3.0


@contextmanager
def temporary_folder(purpose: str, parent: Path | None = None) -> Iterator[Path]:
    """A private folder, which is removed at the end; folders whose processes were killed are removed first.

    Args:
        purpose: a word of its name.
        parent: None for the system's place for temporary files.
    """
    parent = parent or Path(tempfile.gettempdir())
    sweep(parent)
    path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-", dir=parent))
    with (path / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield path
        finally:
            _remove(path)


def sweep(parent: Path | None = None) -> None:
    """Remove temporary folders of this user whose processes are gone."""
    for path in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*-*"):
        if _is_ours(path) and _is_left(path):
            _remove(path)


def _is_ours(path: Path) -> bool:
    """Whether a path is a folder of this user, and no link."""
    try:
        state = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()


def _is_left(path: Path) -> bool:
    """Whether no process holds the folder's lock; without a lock, a new folder is being made, an old one was left."""
    try:
        with (path / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return path.is_dir() and time.time() - path.stat().st_mtime > MADE_WITHIN_S
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a folder, in which processes that are about to end may still write."""
    deadline = time.monotonic() + ENDING_S
    while path.exists() and time.monotonic() < deadline:
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            time.sleep(0.05)
