"""Text and JSON files that people bring along: bounded, UTF-8 (or UTF-16 as spreadsheets write it), free of NUL."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_BYTES = 16 * 2**20  # a table of 10,000 subjects with ten paths each has about half of it


class Unusable(Exception):  # noqa: N818
    """Why a file cannot be used, and what to do; the reader makes an error of its own of it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what, self.remedy = what, remedy


def read_text(path: Path) -> str:
    """The text of a file, without byte order mark; raises Unusable for what is absent, too large or not text."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise Unusable("cannot be read (not a file)", "give a file")
        if state.st_size > MOST_BYTES:
            raise Unusable(f"is larger than {MOST_BYTES // 2**20} MiB", "give the right file, or split it")
        content = path.read_bytes()
    except FileNotFoundError:
        raise Unusable("file is missing", "correct the path") from None
    except OSError as error:
        raise Unusable(f"cannot be read ({error.strerror})", "give a file that you may read") from None
    except ValueError:  # NUL or lone surrogates in the path
        raise Unusable("is no path of a file", "correct the path") from None
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Unusable(f"line {line} is not UTF-8", "save it as UTF-8 ('CSV UTF-8')") from None
    if "\0" in text:
        raise Unusable("is a binary file", "give a text file; a spreadsheet must be exported to CSV")
    return text


def read_json(path: Path, to_object: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """The content of a JSON file; raises Unusable for what `read_text` refuses, or what is not JSON.

    Args:
        path: the file.
        to_object: makes a value of the pairs of an object.
    """
    try:
        return json.loads(read_text(path), object_pairs_hook=to_object)
    except RecursionError:
        raise Unusable("is nested too deeply", "correct it") from None
    except ValueError as error:  # also for numbers of thousands of digits
        raise Unusable(f"is not JSON ({error})", "correct it") from None


def is_plain(text: str) -> bool:
    """Whether a text can be a name or a path: it has neither NUL nor lone surrogates, which UTF-8 cannot encode."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
