"""Reads files that may come from a stranger: bounded before memory is taken, and without following links."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

DEEPEST_JSON = 50  # containers in each other; ours have at most ten
AT_FIRST = 2**16  # bytes that are read of a file before all the others
LARGEST_JSON = 16 * 1024**2  # bytes; takes up to 25 times as much memory once it is parsed


class UnreadableError(ValueError):
    """A file is not what it should be; the text is the reason alone."""


def open_regular(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a file for reading; nothing else than a regular file, and no link unless `follow` is set.

    Raises:
        FileNotFoundError: there is none.
        UnreadableError: it is a link, a folder, or a device.
        OSError: it cannot be read.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnreadableError("it is a link to another file") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnreadableError("it is not a file")
    return os.fdopen(descriptor, "rb")


def read_limited(file: BinaryIO, most: int) -> bytes:
    """The rest of a file; raises UnreadableError if it has more than `most` bytes, without reading them."""
    content = file.read(min(AT_FIRST, most + 1))  # reading takes memory for all that is asked for
    if len(content) == AT_FIRST:
        content += file.read(most + 1 - AT_FIRST)
    if len(content) > most:
        raise UnreadableError(f"larger than {most:,} bytes")
    return content


def parse_json(text: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        UnreadableError: it is no JSON, too large or too deep, or holds text that no file name and no terminal takes
            (NUL, half a character).
    """
    if len(text) > LARGEST_JSON:
        raise UnreadableError(f"larger than {LARGEST_JSON:,} bytes")
    try:
        content = json.loads(text.decode())
    except RecursionError:
        raise UnreadableError("nested too deeply") from None
    except ValueError as error:
        raise UnreadableError(f"not JSON, {error}") from None
    if b"\\u" not in text and text.count(b"[") + text.count(b"{") < DEEPEST_JSON:
        return content  # such text is only made by escapes
    level = [content]
    for _ in range(DEEPEST_JSON):
        level = [item for container in level for item in _items(container)]
        if not level:
            return content
    raise UnreadableError("nested too deeply")


def _items(content: Any) -> Iterator[Any]:
    """The items of a container, keys included; checks text."""
    if isinstance(content, str):
        if "\0" in content:
            raise UnreadableError("it holds NUL characters")
        if not content.isascii() and any("\ud800" <= character <= "\udfff" for character in content):
            raise UnreadableError("it holds half a character")
    elif isinstance(content, dict):
        yield from content
        yield from content.values()
    elif isinstance(content, list):
        yield from content
