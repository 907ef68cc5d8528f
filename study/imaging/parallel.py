"""One function over many subjects, on all CPUs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from study.errors import FadeoutError

Item = TypeVar("Item")
Result = TypeVar("Result")
WORTH_A_POOL = (
    3  # fewer items are done here: starting processes takes about as long as preparing two subjects
)


def map_processes(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Results in the order of items; the first exception is raised and cancels what has not begun.

    Processes are spawned, so that they share no threads, locks or device with this one.
    """
    workers = min(available_cpus(), len(items))
    if len(items) < WORTH_A_POOL or workers < 2:
        return [function(item) for item in items]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BrokenProcessPool:
            raise FadeoutError(
                f"imaging: one of {workers} processes died, most often for lack of memory; "
                "close other programs, or allow fewer CPUs (taskset -c 0)"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def available_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
