"""Maps a function over many subjects, on all CPUs; its processes never outlive the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from study.errors import FadeoutError
from study.machine.interrupts import uninterrupted
from study.machine.progress import Progress, counted, unwatched

Item = TypeVar("Item")
Result = TypeVar("Result")
# Fewer items run in this process: starting others takes about as long as preparing two subjects.
WORTH_A_POOL = 3
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def map_processes(
    function: Callable[[Item], Result], items: Sequence[Item], what: str = "", progress: Progress = unwatched
) -> list[Result]:
    """Results in the order of items; the first exception is raised and cancels items that have not begun.

    Processes are spawned, so that they share no threads, locks or device with this one. Each uses one
    thread: threads of several processes on the same CPUs would more than halve their speed.

    An interrupt ends them at once, in the middle of an item. So does the death of this process, even by SIGKILL.

    Args:
        function: that other processes can import.
        items: that it is called with.
        what: is done, for `progress`.
        progress: told of each item that is done.
    """
    workers = min(available_cpus(), len(items))
    if len(items) < WORTH_A_POOL or workers < 2:
        return [function(item) for item in counted(items, len(items), what, progress)]
    with process_pool(workers) as pool:
        try:
            with uninterrupted():
                futures = [pool.submit(function, item) for item in items]
            for future in counted(as_completed(futures), len(futures), what, progress):
                future.result()
            return [future.result() for future in futures]
        except BrokenProcessPool:
            raise FadeoutError(f"one of {workers} processes died; {_likely_cause()}") from None
        except KeyboardInterrupt:
            pool.end()
            raise


class Pool:
    """Processes that call functions; made by `process_pool`."""

    def __init__(self, executor: ProcessPoolExecutor, lifeline: Connection) -> None:
        self._executor, self._lifeline = executor, lifeline

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have a function called in one of the processes, which is started for it if need be.

        Raises:
            BrokenProcessPool: one of them has died.
        """
        with uninterrupted(), _born_deaf(), _one_thread():
            return self._executor.submit(function, *arguments)

    def end(self) -> None:
        """End all processes at once, in the middle of anything."""
        self._lifeline.close()


@contextmanager
def process_pool(workers: int, niceness: int = 0) -> Iterator[Pool]:
    """Processes that end with this one, even if it is killed; see `map_processes`.

    At the end of the block, what has begun is waited for, unless `Pool.end` was called, and the rest is cancelled.

    Args:
        workers: number of processes.
        niceness: by how much they give way to others.
    """
    context = multiprocessing.get_context("spawn")
    with _lifeline() as (held, watched):
        begin = (watched, niceness)
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with, initargs=begin)
        try:
            yield Pool(executor, held)
        finally:
            executor.shutdown(cancel_futures=True)


def _likely_cause() -> str:
    """Why a process of a pool has died, most likely, and what to do; each of them runs a user's own script again."""
    memory = "most likely for lack of memory; close other programs, or allow fewer CPUs (taskset -c 0)"
    main = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None or not hasattr(main, "__file__"):
        return memory  # `python -m`, or an interactive session
    return (
        f'either {Path(main.__file__ or "").name} calls Fadeout outside of a block `if __name__ == "__main__":`, '
        f"which it needs; or it was {memory}"
    )


def available_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent(worker: int = 0) -> None:
    """End this process, in the middle of anything, once the process that asked for it is gone.

    Args:
        worker: its number; not read (torch's data loader gives it to what it runs in each of its processes).
    """
    if (parent := multiprocessing.parent_process()) is not None:
        _end_after(parent.join)


@contextmanager
def _lifeline() -> Iterator[tuple[Connection, Connection]]:
    """A pipe: the end that this process holds, and the end that others watch.

    The system closes the first one when this process dies, however it does. A watcher then reads an end of file.
    """
    watched, held = multiprocessing.Pipe(duplex=False)
    with watched, held:
        yield held, watched


def _end_with(watched: Connection, niceness: int) -> None:
    """Begin a process of a pool: Ctrl-C is for the process that holds the other end, and ends this one through it."""
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_after(lambda: watched.poll(None))


def _end_after(wait: Callable[[], object]) -> None:
    def watch() -> None:
        wait()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


@contextmanager
def _born_deaf() -> Iterator[None]:
    """Block Ctrl-C in processes that are started in this block, until `_end_with`: they would print a traceback."""
    resource_tracker.ensure_running()  # multiprocessing starts it with the first process, and unblocks Ctrl-C then
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit processes started in this block to one thread, unless the user sets the variables."""
    added = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
