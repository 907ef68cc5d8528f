"""Which trials may start on the resources that are available."""

from __future__ import annotations

from typing import Any

import pytest

from study.config import validate
from study.errors import ConfigError
from study.tuning.room import Need, Node, avoiding, check_room, may_start


def need(**trainer: Any) -> Need:
    return Need.of(validate({"study": {"name": "s"}, "trainer": trainer}).trainer)


def at_a_time(*nodes: tuple[float, float], crowded: bool = False, **trainer: Any) -> int:
    """How many trials run until the next one may not start; at most 10."""
    one, there = need(**trainer), [Node(*node) for node in nodes]
    running: list[Need] = []
    while len(running) < 10 and may_start(one, running, [], there, crowded=crowded):
        running.append(one)
    return len(running)


def test_as_many_trials_as_the_machine_holds() -> None:
    assert at_a_time((8, 0)) == 8
    assert at_a_time((8, 0), cpus_per_worker=3) == 2
    assert at_a_time((8, 0), cpus_per_worker=2, workers=2) == 2
    assert at_a_time((2, 0), cpus_per_worker=4) == 1  # slow, but it runs
    assert at_a_time((16, 2), gpus_per_worker=1) == 2
    assert at_a_time((16, 2), gpus_per_worker=0.25) == 8
    assert at_a_time((16, 2), gpus_per_worker=0.75) == 2  # one on each
    assert at_a_time((16, 4), gpus_per_worker=2) == 2
    assert at_a_time((16, 4), gpus_per_worker=1, workers=2) == 2
    assert at_a_time((2, 0), crowded=True) == 10
    assert at_a_time((2, 1), crowded=True, gpus_per_worker=0.5) == 2


def test_workers_of_one_trial_may_be_on_several_machines() -> None:
    assert at_a_time((2, 1), (2, 1), gpus_per_worker=1, workers=2) == 1
    assert at_a_time((2, 1), (2, 1), (2, 1), gpus_per_worker=1, workers=2) == 1
    assert at_a_time((4, 0), (4, 0), workers=3) == 2


def test_trials_with_several_needs_share_the_machines() -> None:
    group, small = Need(2, 1, 1.0), Need(1, 1, 0.25)
    nodes = [Node(8, 2), Node(8, 2)]
    assert may_start(group, [small] * 8, [], nodes)
    assert not may_start(group, [small] * 9, [], nodes)
    assert may_start(small, [group], [], nodes)


def test_a_waiting_group_is_not_overtaken() -> None:
    group, small = Need(2, 1, 1.0), Need(1, 1, 0.25)
    nodes = [Node(8, 1), Node(8, 1)]
    assert not may_start(small, [small] * 3, [group], nodes)
    assert may_start(small, [small] * 3, [small], nodes)
    assert not may_start(group, [], [small], nodes)


def test_searched_values_change_what_a_trial_needs() -> None:
    base = need(workers=1, cpus_per_worker=2)
    values = {"trainer.workers": 4, "trainer.gpus_per_worker": 0.5, "trainer.learning_rate": 0.1}
    assert base.with_values(values) == Need(4, 2, 0.5)


def test_a_trial_that_can_never_start_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"trainer.gpus_per_worker: a trial needs 2 × 1, Ray has 1 GPUs; "):
        check_room(need(gpus_per_worker=1, workers=2), [Node(16, 1)], shared=True)
    with pytest.raises(
        ConfigError,
        match=r"trainer.cpus_per_worker: a trial needs 1 × 8 CPUs, the cluster has 8 on 2 machines",
    ):
        check_room(need(cpus_per_worker=8), [Node(4, 0), Node(4, 0)], shared=True)
    check_room(need(cpus_per_worker=8), [Node(4, 0)], shared=False)
    check_room(need(cpus_per_worker=4, workers=2), [Node(4, 0), Node(4, 0)], shared=True)


def test_machines_are_avoided_by_name() -> None:
    assert avoiding([]) == {}
    assert avoiding(["a1", "b2"]) == {"ray.io/node-id": "!in(a1,b2)"}
