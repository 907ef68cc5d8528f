"""Hashes of files' bytes, and the list of those that are known, so that a file is read for its hash only once."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from study.machine.files import read_json

logger = logging.getLogger(__name__)


def read_memo(file: Path) -> dict[str, str]:
    """The hashes of files by their identity; none if the list is damaged, which costs reading the files once more."""
    if not file.is_file():
        return {}
    try:
        content = read_json(file)
    except ValueError:
        content = None
    if isinstance(content, dict) and all(isinstance(value, str) for value in content.values()):
        return content
    logger.warning("%s: damaged; the scans are read once more", file)
    return {}


def identity(path: Path) -> str:
    """A name for a file in its present state that does not show its path."""
    state = path.stat()
    return hashlib.sha256(f"{path.absolute()}\0{state.st_size}\0{state.st_mtime_ns}".encode()).hexdigest()


def hash_of(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
