"""An actor on each machine of a cluster: tells its condition, and has what trials there read."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.errors import StudyError, TransferError
from study.imaging.fetching import StoredEntry, describe, fetch_entry, missing, read_part
from study.machine.temporary import sweep
from study.machine.transfer import Part
from study.tuning.fitness import Condition, condition


class Keeper:
    """Keeps the prepared subjects of a study on its machine; a threaded actor.

    Args:
        cache: folder of the prepared subjects on the driver's machine; where this machine has no such place, the cache
            is in its folder for temporary files.
    """

    def __init__(self, cache: str) -> None:
        self._cache = _usable(Path(cache))
        self._fetched = threading.Event()
        self._error: Exception | None = None
        self._described: dict[str, StoredEntry] = {}
        sweep()

    def condition(self, *, gpus: bool) -> Condition:
        """The condition of this machine."""
        return condition(self._cache, gpus=gpus)

    def missing(self, addresses: Sequence[str]) -> list[str]:
        """The entries that this machine lacks."""
        return missing(self._cache, addresses)

    def fetch(self, addresses: Sequence[str], sources: Sequence[Any]) -> None:
        """Fetch the entries that this machine lacks.

        Args:
            addresses: of the entries.
            sources: keepers that have them all, the driver's last; entries are spread over them, and each of them is
                asked twice.
        """
        try:
            for address in missing(self._cache, addresses):
                self._fetch(address, sources)
        except Exception as error:
            self._error = error
            raise
        finally:
            self._fetched.set()

    def ready(self) -> str:
        """The folder of the cache on this machine, once all entries are here.

        Raises:
            Exception: what has kept them from being fetched.
        """
        self._fetched.wait()
        if self._error is not None:
            raise self._error
        return str(self._cache)

    def entry(self, address: str) -> StoredEntry:
        """An entry that this machine has."""
        if address not in self._described:
            self._described[address] = describe(self._cache, address)
        return self._described[address]

    def part(self, address: str, name: str, offset: int) -> Part:
        """A part of a file of an entry that this machine has."""
        return read_part(self._cache, self.entry(address), name, offset)

    def _fetch(self, address: str, sources: Sequence[Any]) -> None:
        import ray
        from ray.exceptions import RayError

        failed: Exception = StudyError("no machine has the prepared subjects")
        first = int(address[:8], 16) % len(sources)
        in_turn = [*sources[first:], *sources[:first]]
        for source in in_turn * 2:
            try:
                fetch_entry(
                    self._cache,
                    address,
                    lambda wanted, of=source: ray.get(of.entry.remote(wanted)),  # type: ignore[misc]
                    lambda *wanted, of=source: ray.get(of.part.remote(*wanted)),
                )
            except (RayError, TransferError) as error:  # gone, without the entry, or damaged on the way
                failed = error
            else:
                return
        raise failed


def _usable(cache: Path) -> Path:
    """The cache's folder on this machine."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return cache
    except OSError:
        own = Path(tempfile.gettempdir()) / f"fadeout_cache_{os.getuid()}"
        own.mkdir(mode=0o700, exist_ok=True)
        return own
