"""Temporary folders of this user's studies: removed at their end, or, after a kill, by the next study."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "fadeout-"
_LOCK = ".lock"
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
    path, lock = _new(purpose, parent)
    with lock:
        try:
            yield path
        finally:
            _remove(path)


def _new(purpose: str, parent: Path) -> tuple[Path, IO[str]]:
    """A new folder and its lock, which is held; another study's sweep may take the folder before that, so try again."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-", dir=parent))
        lock = _locked(path)
        if lock is not None and path.exists():
            return path, lock


def sweep(parent: Path | None = None) -> None:
    """Remove temporary folders of this user whose processes are gone."""
    for path in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*-*"):
        if _is_ours(path) and (lock := _locked(path)) is not None:
            # Under another name nobody can lock it anew while it is being emptied; it may be gone by now.
            with lock, suppress(FileNotFoundError):
                _remove(path.rename(path.with_name(f"{PREFIX}swept-{secrets.token_hex(8)}")))


def _is_ours(path: Path) -> bool:
    """Whether a path is a folder of this user, and no link."""
    try:
        state = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid()


def _locked(path: Path) -> IO[str] | None:
    """A folder's lock, made where it is missing; None if another process holds it, or the folder is gone."""
    try:
        lock = (path / _LOCK).open("a")
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _remove(path: Path) -> None:
    """Remove a folder, in which processes that are about to end may still write."""
    deadline = time.monotonic() + ENDING_S
    while path.exists() and time.monotonic() < deadline:
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            time.sleep(0.05)
