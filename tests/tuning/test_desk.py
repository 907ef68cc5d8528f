"""The desk between trials and the driver: waiting has a bound, and no trial that has ended keeps others waiting."""

from __future__ import annotations

import asyncio
import time

import pytest

from study.tuning.cluster import ray_for
from study.tuning.desk import CALLS, Desk, start_desk
from study.tuning.messages import Holds, Message
from study.tuning.room import Need


def test_waiting_for_the_driver_s_wish_ends_after_its_time() -> None:
    async def wait() -> int:
        return await Desk().hurried(0, 0.05)

    began = time.monotonic()
    assert asyncio.run(wait()) == 0
    assert 0.05 <= time.monotonic() - began < 5


def test_all_who_wait_hear_of_the_driver_s_wish_at_once() -> None:
    async def wait() -> list[int]:
        desk = Desk()
        waiting = [asyncio.create_task(desk.hurried(0, 60)) for _ in range(3)]
        await asyncio.sleep(0.05)
        await desk.hurry()
        return await asyncio.gather(*waiting)

    assert asyncio.run(asyncio.wait_for(wait(), 5)) == [1, 1, 1]


def test_a_wish_that_was_heard_is_not_heard_again() -> None:
    async def wait() -> tuple[int, int]:
        desk = Desk()
        await desk.hurry()
        return await desk.hurried(0, 60), await desk.hurried(1, 0.01)

    assert asyncio.run(asyncio.wait_for(wait(), 5)) == (1, 1)


@pytest.mark.slow
def test_more_trials_than_calls_fit_at_the_desk_can_end_and_later_ones_are_answered() -> None:
    import ray

    with ray_for("local", Need(1, 1, 0.0), 1):
        desk = start_desk()
        left_behind = [desk.hurried.remote(0, 2.0) for _ in range(CALLS + 100)]
        question = desk.ask.remote(Message(0, "token", Holds("group")))
        ((number, message),) = ray.get(desk.asked.remote(), timeout=60)
        assert message.content == Holds("group")
        desk.answer.remote(number, None)
        assert ray.get(question, timeout=60) is None
        assert set(ray.get(left_behind, timeout=60)) == {0}
