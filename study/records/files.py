"""Files of a study: each holds content of one type, is written atomically, and is validated when read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from study.config.explaining import explained
from study.errors import StudyError
from study.machine.files import atomic, write_json
from study.machine.untrusted import LARGEST_JSON, UnreadableError, open_regular, parse_json, read_limited

Content = TypeVar("Content")


class Record(BaseModel):
    """A frozen record that rejects unknown fields; nan and infinities use the usual extension of JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class StoredFile:
    """A file that may or may not exist. It may come from a stranger: a link is refused, never followed.

    Args:
        path: of the file.
        loss: what is lost if it is damaged, and what to do; see `study.records.losses`.

    Attributes:
        path: for messages to the user; only this package opens the file.
    """

    def __init__(self, path: Path, loss: str) -> None:
        self.path = path
        self._loss = loss

    @property
    def exists(self) -> bool:
        """Whether the file has been written; raises StudyError if it is a link."""
        refuse_link(self.path)
        return self.path.is_file()

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the file for reading.

        Raises:
            StudyError: the file is missing, or what is done with it meanwhile finds it unreadable.
        """
        try:
            with open_regular(self.path) as file:
                yield file
        except FileNotFoundError:
            raise self.absent() from None
        except UnreadableError as error:
            refuse_link(self.path)
            raise self.damaged(str(error)) from None

    @property
    def written_ms(self) -> int | None:
        """Time of the last write, in milliseconds since 1970; None if the file does not exist.

        Raises:
            StudyError: it is a link.
        """
        try:
            state = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISLNK(state.st_mode):
            refuse_link(self.path)
        return state.st_mtime_ns // 1_000_000 if stat.S_ISREG(state.st_mode) else None

    def digest(self) -> bytes:
        """SHA-256 of the content; a constant if the file does not exist."""
        if not self.exists:
            return b"-"
        with self.opened() as file:
            return hashlib.file_digest(cast(BufferedReader, file), "sha256").digest()

    def absent(self) -> StudyError:
        """The error for a missing file."""
        return StudyError(
            f"{self.path}: file is missing; the study or trial has not reached this point: run or resume it first"
        )

    def damaged(self, what: str) -> StudyError:
        """The error for a file that cannot be read as what it should hold."""
        return StudyError(
            f"{self.path}: damaged ({' '.join(what.split())}), or written by another version; {self._loss}"
        )


def refuse_link(path: Path) -> None:
    """Raise StudyError if a path of a study is a link, which could lead anywhere."""
    if path.is_symlink():
        raise StudyError(
            f"{path}: is a link; nothing in a study's folder may lead out of it: put the file or folder itself there, "
            "or move the whole study"
        )


def content_digest(files: Iterable[StoredFile], extra: str = "") -> str:
    """A digest of the content of several files, absent ones included."""
    content = hashlib.sha256(extra.encode())
    for file in files:
        content.update(file.digest())
    return content.hexdigest()[:32]


class RecordFile(StoredFile, Generic[Content]):
    """A JSON file that holds one record.

    Args:
        path: of the file.
        kind: type that pydantic validates the content against: a record, a dataclass, a union, a mapping.
        loss: as for `StoredFile`.
        private: whether its owner alone may read it, since it holds paths.
    """

    def __init__(self, path: Path, kind: Any, loss: str, *, private: bool = False) -> None:
        super().__init__(path, loss)
        self._kind = kind
        self._private = private

    def read(self) -> Content:
        """The record.

        Raises:
            StudyError: the file is missing or damaged; names the file and the field.
        """
        with self.opened() as file:
            try:
                return self._validated(parse_json(read_limited(file, LARGEST_JSON)))
            except ValidationError as error:
                raise self.damaged(first_problem(self._kind, error)) from None

    def read_if_there(self) -> Content | None:
        """The record; None if it has not been written."""
        return self.read() if self.exists else None

    def write(self, record: Content) -> None:
        """Write the record atomically."""
        write_json(self.path, self._adapter.dump_python(record, mode="json"), private=self._private)

    def _validated(self, content: Any) -> Content:
        found: Content = self._adapter.validate_python(content)
        return found

    @property
    def _adapter(self) -> TypeAdapter[Any]:
        return _adapter_of(self._kind)


@cache
def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    """The validator of a type, made once: that takes longer than reading a file."""
    return TypeAdapter(kind)


class BytesFile(StoredFile):
    """A file with opaque content, such as a checkpoint."""

    def read(self) -> bytes:
        """The content; raises StudyError if the file is missing."""
        with self.opened() as file:
            return file.read()

    def write(self, content: bytes) -> None:
        """Write the content atomically."""
        with atomic(self.path) as temporary:
            temporary.write_bytes(content)


def to_plain(record: Any) -> Any:
    """A record in JSON's types: mappings, lists, strings and numbers."""
    kind: Any = type(record)
    return _adapter_of(kind).dump_python(record, mode="json")


def first_problem(kind: Any, error: ValidationError) -> str:
    """The first mistake in content of a type, with its place."""
    return explained(kind, error)[0]
