"""Notices that Ray has died, or that the search cannot go on, and ends it: otherwise the driver would wait for ever."""

from __future__ import annotations

import _thread
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from study.machine.background import background

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
SILENT_S = 20.0  # how long a cluster's head may be out of reach


class RayDiedError(Exception):
    """A process of Ray has died that the search cannot do without."""


class Halt:
    """Ends the search in the main thread for a reason that another thread has found; the first reason counts."""

    def __init__(self) -> None:
        self.reason: Exception | None = None
        self._armed = False
        self._lock = threading.Lock()

    def now(self, reason: Exception) -> None:
        """End the search."""
        with self._lock:
            if self.reason is None and self._armed:
                self.reason = reason
                _thread.interrupt_main()

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Raise the reason instead of the KeyboardInterrupt by which the block was ended."""
        self._armed = True
        try:
            try:
                yield
            finally:
                with self._lock:
                    self._armed = False
        except KeyboardInterrupt:
            if self.reason is None:
                raise
        if self.reason is not None:
            raise self.reason


@contextmanager
def watching(halt: Halt, alive: Callable[[], str | None]) -> Iterator[None]:
    """Halt the search once `alive` says what has died."""

    def work(closed: threading.Event) -> None:
        while not closed.wait(LOOK_EVERY_S):
            if (dead := alive()) is not None:
                halt.now(RayDiedError(dead))
                return

    with background(work, "watch"):
        yield


def own_processes() -> Callable[[], str | None]:
    """Tells which process of a Ray that this process has started has died."""
    import ray

    started = ray._private.worker._global_node.all_processes
    watched = {kind: [one.process for one in started.get(kind, [])] for kind in ("gcs_server", "raylet")}

    def dead() -> str | None:
        for kind, processes in watched.items():
            if any(process.poll() is not None for process in processes):
                return f"Ray's process {kind} has died"
        return None

    return dead


def head_of_cluster() -> Callable[[], str | None]:
    """Tells that the head of a cluster has been out of reach for too long."""
    import ray

    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    reached = time.monotonic()

    def dead() -> str | None:
        nonlocal reached
        try:
            with socket.create_connection((host, int(port)), timeout=LOOK_EVERY_S):
                reached = time.monotonic()
        except OSError as error:
            silent = time.monotonic() - reached
            if silent > SILENT_S:
                return f"the head of the cluster at {host}:{port} is out of reach for {silent:.0f} s ({error.strerror})"
        return None

    return dead
