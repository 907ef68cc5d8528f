"""Processes that make fresh brains ahead of a training, in the order in which its samples need them.

Samples are numbered, so that it is known which brains they will show: no other one is made. The process that trains
asks for brains, and waits for one that is late before it lets a sample of it be drawn; nobody else has to wait.
Trainings that share a cache share its brains: each is made once, by whoever comes first.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from study.errors import CohortError, ProducerError, TrainingError
from study.machine.files import remove_leftovers
from study.machine.processes import Pool, process_pool
from study.streaming.making import make_brain
from study.streaming.stream import Stream
from study.streaming.turns import FreshBrain

NICENESS = 10  # trainings come first; one that waits leaves its time to what it waits for
AHEAD = 32  # brains that are asked for before they are needed
FARTHEST = 1000  # batches that are looked ahead


class Supply:
    """The fresh brains of a training; made by `supplying`.

    Attributes:
        waited_s: how long the training has waited for brains.
    """

    def __init__(self, stream: Stream, needs: Iterable[Collection[FreshBrain]], pool: Pool) -> None:
        self._stream, self._pool = stream, pool
        self._needs = iter(needs)
        self._next: deque[tuple[Collection[FreshBrain], int]] = (
            deque()
        )  # batches, with how many each asked for first
        self._jobs: dict[FreshBrain, Future[bool] | None] = {}
        self._early = 0  # brains that were asked for by batches in `_next`
        self.waited_s = 0.0

    def wait_for_next(self) -> None:
        """Return once the brains of the next batch are in the cache.

        Raises:
            ProducerError: a process that makes brains died, or cannot write.
            TrainingError: a brain cannot be prepared.
        """
        self._look_ahead()
        brains, asked = self._next.popleft()
        self._early -= asked
        for brain in brains:
            if (job := self._jobs[brain]) is not None:
                self._wait(job, brain)

    def _look_ahead(self) -> None:
        """Ask for the brains of further batches, until enough are asked for."""
        while not self._next or (self._early < AHEAD and len(self._next) < FARTHEST):
            if (brains := next(self._needs, None)) is None:
                return
            asked = sum(self._ask(brain) for brain in brains if brain not in self._jobs)
            self._next.append((brains, asked))
            self._early += asked

    def _ask(self, brain: FreshBrain) -> bool:
        """Have a brain made, unless it is in the cache; whether it has to be made."""
        recipe = self._stream.recipe
        self._jobs[brain] = None
        if recipe.entry(brain).is_dir():
            return False
        try:
            self._jobs[brain] = self._pool.submit(make_brain, recipe, brain)
        except BrokenProcessPool:
            raise self._died() from None
        return True

    def _wait(self, job: Future[bool], brain: FreshBrain) -> None:
        began = time.monotonic()
        try:
            job.result()
        except BrokenProcessPool:
            raise self._died() from None
        except CohortError as error:
            raise TrainingError(
                f"cohort.phantom.stream: brain {brain.generation} in the place of {brain.key} cannot be used "
                f"({error.problems[0].what}); set imaging.implausible=warn, or another cohort.phantom.seed"
            ) from error
        except (OSError, MemoryError) as error:
            raise ProducerError(
                f"cohort.phantom.stream: a fresh brain could not be made ({str(error) or type(error).__name__}); "
                "remove the cause, and resume with resume=true"
            ) from error
        finally:
            self.waited_s += time.monotonic() - began

    def _died(self) -> ProducerError:
        return ProducerError(
            f"cohort.phantom.stream_processes: one of {self._stream.processes} processes that make fresh brains died, "
            "most likely for lack of memory; resume with resume=true, with fewer of them if memory is short"
        )


@contextmanager
def supplying(stream: Stream | None, needs: Iterable[Collection[FreshBrain]]) -> Iterator[Supply | None]:
    """Make brains ahead in this block; its processes end with it, in the middle of anything.

    Args:
        stream: the brains; None for a training without fresh ones.
        needs: the brains that each batch shows, in the order of the batches.
    """
    if stream is None:
        yield None
        return
    remove_leftovers(stream.recipe.entries.cache, "*/.*.tmp")
    with process_pool(stream.processes, NICENESS) as pool:
        try:
            yield Supply(stream, needs, pool)
        finally:
            pool.end()
