"""A thread that works while a block runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def background(
    work: Callable[[threading.Event], None], name: str, patience_s: float | None = None
) -> Iterator[None]:
    """Run `work` in a thread while the block runs.

    Args:
        work: receives an event that is set at the end of the block, and then returns. It handles its own errors.
        name: of the thread.
        patience_s: how long the end of the block waits for the thread; None: until it has returned.
    """
    closed = threading.Event()
    thread = threading.Thread(target=work, args=(closed,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        closed.set()
        thread.join(patience_s)
