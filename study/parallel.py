"""One function over many subjects, on all CPUs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from study.errors import FadeoutError

Item = TypeVar("Item")
Result = TypeVar("Result")
WORTH_A_POOL = (
    3  # items; fewer are done here, as starting processes takes about as long as preparing two subjects
)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def map_processes(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results in the order of items; the first exception is raised and cancels what has not begun.

    Processes are spawned, so that they share no threads, locks or device with this one. Each computes on one
    thread: threads of several processes on the same CPUs would more than halve their speed.
    """
    workers = min(available_cpus(), len(items))
    if len(items) < WORTH_A_POOL or workers < 2:
        return [function(item) for item in items]
    context = multiprocessing.get_context("spawn")
    with _one_thread(), ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BrokenProcessPool:
            raise FadeoutError(
                f"one of {workers} processes died, most often for lack of memory; "
                "close other programs, or allow fewer CPUs (taskset -c 0)"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def available_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started meanwhile compute on one thread, unless the user has said otherwise."""
    added = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
