"""Being asked to end: SIGTERM and SIGUSR1 interrupt as Ctrl-C does.

Schedulers send them when a job's time is up or its machine is wanted (Slurm, Kubernetes, spot instances).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REQUESTS = (signal.SIGTERM, signal.SIGUSR1)


class Interrupt(KeyboardInterrupt):
    """Raised where a signal arrives, as Ctrl-C raises KeyboardInterrupt.

    Whoever knows how to continue adds a note (`add_note`), which commands print.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Raise `Interrupt` in this block when a signal of `REQUESTS` arrives; the former handlers return afterwards.

    Yields a function that sets the handlers again, to be called after a library (Ray) has replaced them. A signal that
    is ignored (as under `nohup`) stays ignored. Only the main thread can set handlers; in others nothing happens.

    A KeyboardInterrupt by which a library has replaced the `Interrupt` (Ray does so while it waits) leaves the block as
    the `Interrupt` that it was.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.getsignal(number) for number in REQUESTS}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    arrived: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        arrived.append(number)
        raise Interrupt(number)

    def listen() -> None:
        for number in heeded:
            signal.signal(number, interrupt)

    listen()
    try:
        yield listen
    except KeyboardInterrupt as error:
        if isinstance(error, Interrupt) or not arrived:
            raise
        raise _again(arrived[-1], error) from None
    finally:
        for number in heeded:
            signal.signal(number, before[number])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and the signals of `REQUESTS` to the end of this block, which must be short.

    For what cannot be left in the middle, such as starting a process. Outside of the main thread, nothing happens: no
    signal interrupts there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *REQUESTS)}
    held = {number: handler for number, handler in before.items() if callable(handler)}
    for number in held:
        signal.signal(number, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """The exit code of a command that was interrupted, as shells have it: 128 and the signal's number."""
    return 128 + (interrupt.number if isinstance(interrupt, Interrupt) else signal.SIGINT)


def _again(number: int, replaced: KeyboardInterrupt) -> Interrupt:
    interrupt = Interrupt(number)
    for note in getattr(replaced, "__notes__", ()):
        interrupt.add_note(note)
    return interrupt
