"""How many trials run at a time."""

from __future__ import annotations

from typing import Any

import pytest

from study.config import validate
from study.errors import ConfigError
from study.tuning.cluster import concurrency


def fits(cores: float, gpus: float, *, shared: bool = False, asked: int | None = None, **trainer: Any) -> int:
    config = validate({"study": {"name": "s", "concurrency": asked}, "trainer": trainer})
    return concurrency(config, {"cores": cores, "gpus": gpus, "shared": float(shared)})


def test_as_many_trials_as_the_machine_holds() -> None:
    assert fits(8, 0) == 8
    assert fits(8, 0, cpus_per_worker=3) == 2
    assert fits(8, 0, cpus_per_worker=2, workers=2) == 2
    assert fits(2, 0, cpus_per_worker=4) == 1  # slow, but it runs
    assert fits(16, 2, gpus_per_worker=1) == 2
    assert fits(16, 2, gpus_per_worker=0.25) == 8
    assert fits(16, 2, gpus_per_worker=0.75) == 2  # one on each
    assert fits(16, 4, gpus_per_worker=2) == 2
    assert fits(16, 4, gpus_per_worker=1, workers=2) == 2


def test_what_is_asked_for_counts_unless_the_gpus_are_fewer() -> None:
    assert fits(2, 0, asked=4) == 4
    assert fits(2, 0, asked=4, shared=True) == 2
    assert fits(16, 2, asked=4, gpus_per_worker=1) == 2
    assert fits(16, 2, asked=1, gpus_per_worker=0.5) == 1


def test_a_trial_that_can_never_start_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"trainer.gpus_per_worker: a trial needs 2 × 1, Ray has 1 GPUs"):
        fits(16, 1, gpus_per_worker=1, workers=2)
    with pytest.raises(
        ConfigError, match=r"trainer.cpus_per_worker: a trial needs 1 × 8 CPUs, the cluster has 4"
    ):
        fits(4, 0, cpus_per_worker=8, shared=True)
