"""Atomic files: a kill at any moment leaves the old content or the new, never a part.

A file or folder that is being written has a name of its own, `.<name>.<host>-<process>.tmp`, beside the one that it
will replace. A process that is killed leaves it behind; `remove_leftovers` removes it once that process is gone.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HOST = f"{zlib.crc32(platform.node().encode()):08x}"  # tells hosts that share a folder apart, without naming them
TEMPORARY = re.compile(r"\..+\.(?P<host>[0-9a-f]{8})-(?P<process>\d+)\.tmp")
FOREIGN_FOR_S = 86400.0  # whether a process on another host is alive cannot be asked


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which replaces `path` on success and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    temporary.unlink(missing_ok=True)  # a stranger's link of this name must not be written through
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`, which becomes `path` on success and is removed on failure.

    Raises:
        OSError: `path` is a file or a folder that is not empty, or cannot be written.
    """
    temporary = temporary_path(path)
    shutil.rmtree(temporary, ignore_errors=True)  # of a process that had our number before
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_path(path: Path) -> Path:
    """Where this process writes what will become `path`."""
    return path.with_name(f".{path.name}.{HOST}-{os.getpid()}.tmp")


def nearest_folder(path: Path) -> Path:
    """The path itself, or what there is above it: where it would be made."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if os.path.lexists(place))


def remove_leftovers(folder: Path, *patterns: str) -> None:
    """Remove what killed processes were writing: files and folders of this user that end in `.tmp`.

    A leftover is removed if its process is gone; one from another host, if nothing has changed it for a day. What
    cannot be removed stays.

    Args:
        folder: to search.
        patterns: of paths within it, such as `*/.*.tmp`.
    """
    for pattern in patterns:
        for path in folder.glob(pattern):
            if _is_left_behind(path):
                _remove(path)


def _is_left_behind(path: Path) -> bool:
    match = TEMPORARY.fullmatch(path.name)
    if match is None:
        return False
    try:
        state = path.lstat()
    except FileNotFoundError:  # its process has just moved it
        return False
    if state.st_uid != os.getuid():
        return False
    if match["host"] != HOST:
        return time.time() - state.st_mtime > FOREIGN_FOR_S
    return not is_alive(int(match["process"]))


def is_alive(process: int) -> bool:
    """Whether a process with this number exists on this host."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def write_json(path: Path, content: Any, *, private: bool = False) -> None:
    """Write JSON atomically; `private` lets its owner alone read it."""
    with atomic(path) as temporary:
        if private:
            temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(content, indent=2, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON."""
    return json.loads(path.read_text())
