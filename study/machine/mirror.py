"""Studies in an object store (`study.root=s3://bucket/studies`): worked on in a local copy, which is kept equal.

A folder of an object store has a fixed place on this machine. Everything else works there as in any other folder;
`pull` brings what is in the store, and `push` sends what has changed. The databases are sent as consistent copies,
after the files that they speak of, so that a store never knows of a trial whose files it lacks.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import MissingDependencyError, StudyError
from study.machine.files import read_json, write_json

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

STATE = ".mirror.json"
LAST = ("result.json", "config.json", "tracking.json")  # each says that other files are there
DATABASES = (".db",)


def local_root(root: str) -> Path:
    """The folder on this machine that stands for a root, which may be an address such as `s3://bucket/studies`."""
    if "://" not in root:
        return Path(root).expanduser().absolute()
    protocol, _, path = root.partition("://")
    return _base() / protocol / path.strip("/")


def address_of(root: Path) -> str | None:
    """The address in an object store that a folder stands for; None for an ordinary folder."""
    if not root.is_relative_to(_base()):
        return None
    protocol, *path = root.relative_to(_base()).parts
    return f"{protocol}://{'/'.join(path)}"


@contextmanager
def mirrored(root: Path, name: str) -> Iterator[Mirror | None]:
    """Pull a study's folder, and push it at the end, whatever happens; None for an ordinary folder."""
    address = address_of(root)
    if address is None:
        yield None
        return
    mirror = Mirror(root / name, f"{address}/{name}")
    mirror.pull()
    try:
        yield mirror
    finally:
        mirror.push()


@dataclass
class Mirror:
    """A folder and its equal in an object store.

    Attributes:
        folder: on this machine.
        address: of the folder in the store.
    """

    folder: Path
    address: str
    _store: Any = field(default=None, repr=False)

    def pull(self) -> None:
        """Bring what has changed in the store since the last time.

        Raises:
            StudyError: a file has changed here and there, or the store cannot be reached.
        """
        known, there = self._state(), self._there()
        changed = [name for name, mark in there.items() if known.get(name, {}).get("there") != mark]
        if torn := [name for name in changed if name in known and self._mark(name) != known[name]["here"]]:
            raise StudyError(
                f"{self.address}: {torn[0]} has changed in the store and on this machine: two machines have run this "
                f"study at the same time; keep one of them, and remove {self.folder} if it is the store's"
            )
        for name in changed:
            self._get(name)
        gone = [name for name in known if name not in there]
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)
        if changed or gone:
            self._remember(there)

    def push(self) -> None:
        """Send what has changed here; results after the files that they speak of, databases last.

        Raises:
            StudyError: the store cannot be reached; the files are here, and are sent the next time.
        """
        if not self.folder.is_dir():
            return
        known = self._state()
        with tempfile.TemporaryDirectory() as copies:
            # Marked before they are copied: what changes meanwhile is sent the next time.
            databases = {name: self._mark(name) for name in self._files() if name.endswith(DATABASES)}
            frozen = {name: self._copy(name, Path(copies)) for name in databases}
            marks = {name: self._mark(name) for name in self._files()} | databases
            new = [name for name, mark in marks.items() if known.get(name, {}).get("here") != mark]
            for name in sorted(new, key=_order):
                self._put(frozen.get(name, self.folder / name), name)
        gone = known.keys() - marks.keys()
        for name in gone:
            self._call("rm_file", f"{self.address}/{name}")
        if new or gone:
            self._remember(self._there(), marks)

    def _files(self) -> list[str]:
        """The files that belong to the study."""
        return [
            path.relative_to(self.folder).as_posix()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(self.folder).parts)
            if not path.name.endswith((".lock", "-wal", "-shm", "-journal"))
        ]

    def _there(self) -> dict[str, str]:
        """The files of the store, and what tells two versions of one apart."""
        found: Mapping[str, Any] = self._call("find", self.address, detail=True)
        root = str(self._filesystem()._strip_protocol(self.address))
        marks = {path.removeprefix(root).strip("/"): info.get("ETag") or info for path, info in found.items()}
        return {name: str(mark) for name, mark in marks.items() if name}

    def _mark(self, name: str) -> str:
        path = self.folder / name
        if not path.is_file():
            return "-"
        state = path.stat()
        return f"{state.st_ino} {state.st_size} {state.st_mtime_ns}"

    def _copy(self, name: str, folder: Path) -> Path:
        """A consistent copy of a database that may be in use."""
        copy = folder / name.replace("/", "_")
        with closing(sqlite3.connect(self.folder / name)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return copy

    def _get(self, name: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        received = target.with_name(f".{target.name}.received")
        self._call("get_file", f"{self.address}/{name}", str(received))
        received.replace(target)

    def _put(self, source: Path, name: str) -> None:
        self._call("put_file", str(source), f"{self.address}/{name}")

    def _state(self) -> dict[str, dict[str, str]]:
        path = self.folder / STATE
        return dict(read_json(path)) if path.is_file() else {}

    def _remember(self, there: Mapping[str, str], here: Mapping[str, str] | None = None) -> None:
        marks = here if here is not None else {name: self._mark(name) for name in there}
        write_json(
            self.folder / STATE,
            {name: {"there": mark, "here": marks[name]} for name, mark in there.items() if name in marks},
        )

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        store = self._filesystem()
        try:
            return getattr(store, method)(*arguments, **named)
        except FileNotFoundError:
            if method == "find":
                return {}
            raise
        except Exception as error:  # each store has exceptions of its own
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StudyError(
                f"study.root: the store does not answer at {self.address} ({reason}); check its address and your "
                "credentials (for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
            ) from None

    def _filesystem(self) -> AbstractFileSystem:
        if self._store is None:
            import fsspec

            protocol = self.address.partition("://")[0]
            try:
                self._store = fsspec.filesystem(protocol, use_listings_cache=False)
            except (ImportError, ValueError) as error:
                raise MissingDependencyError(
                    f"study.root: {protocol}:// needs another package ({error}); for S3: pip install 'fadeout[s3]'"
                ) from None
        return self._store


def _order(name: str) -> tuple[bool, bool, str]:
    path = Path(name)
    return path.name.endswith(DATABASES), path.name in LAST, name


def _base() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "fadeout" / "mirrors"
