"""The desk: an actor beside the driver where trials ask, and the driver answers. Hosts share nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from study.errors import TransferError
from study.machine.transfer import Part
from study.tuning.messages import Answer, Deliver, Fetch, Message, Refused, Superseded

Ask = Callable[[Message], Answer]
INLINE_BYTES = 64 * 1024  # larger parts travel from store to store, not through the desk's process
CALLS = 10_000  # that may wait at the desk at once; Ray holds all others back


class AttemptReplacedError(Exception):
    """The driver has given this trial to another process."""


class Desk:
    """Passes messages of trials to the driver, and its answers back; an asynchronous actor."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[tuple[int, Message]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._count = 0
        self._hurry = asyncio.Condition()
        self._hurries = 0

    async def ask(self, message: Message) -> Answer:
        """Put a message and wait for its answer."""
        self._count += 1
        answer = self._answers[self._count] = asyncio.get_running_loop().create_future()
        await self._asked.put((self._count, message))
        return await answer

    async def asked(self) -> list[tuple[int, Message]]:
        """Wait for messages; all that are here, by their numbers."""
        messages = [await self._asked.get()]
        while not self._asked.empty():
            messages.append(self._asked.get_nowait())
        return messages

    async def answer(self, number: int, answer: Answer) -> None:
        """Answer a message."""
        self._answers.pop(number).set_result(answer)

    async def hurry(self) -> None:
        """Ask all trials to deliver what they have."""
        async with self._hurry:
            self._hurries += 1
            self._hurry.notify_all()

    async def hurried(self, seen: int, within_s: float) -> int:
        """Wait until the driver has asked more often than `seen` times, or for so long; how often it has.

        The wait has a bound, since a trial that has ended leaves its last call behind.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._hurry:
                await self._hurry.wait_for(lambda: self._hurries > seen)
        return self._hurries


def start_desk() -> Any:
    """The handle of a new desk on this node; it ends with the driver."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, max_concurrency=CALLS, scheduling_strategy=here)(Desk).remote()


def asking(desk: Any) -> Ask:
    """The function by which a trial asks; it waits for the answer.

    It raises `AttemptReplacedError` once the trial runs elsewhere, OSError or TransferError for what the driver could
    not do.
    """
    import ray

    def ask(message: Message) -> Answer:
        if isinstance(content := message.content, Deliver):
            message = replace(message, content=Deliver(stored(content.parts)))
        answer = ray.get(desk.ask.remote(message))
        if isinstance(answer, Superseded):
            raise AttemptReplacedError
        if isinstance(answer, Refused):
            raise TransferError(answer.text) if answer.errno is None else OSError(answer.errno, answer.text)
        return fetched(answer) if isinstance(message.content, Fetch) else answer

    return ask


def stored(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts, with the content of large ones in Ray's object store."""
    import ray

    return tuple(
        part if len(part.content) <= INLINE_BYTES else replace(part, content=ray.put(part.content))
        for part in parts
    )


def fetched(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts, with content that is in Ray's object store taken from there."""
    import ray

    return tuple(
        part if isinstance(part.content, bytes) else replace(part, content=ray.get(part.content))
        for part in parts
    )
