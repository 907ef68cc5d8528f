"""Which machines get trials, and what is said of the others."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from study.machine.version import code_version
from study.tuning.fitness import Condition, Demands, complaints, condition

VERSIONS = {"fadeout": "abc", "torch": "2.13.0"}
DEMANDS = Demands(VERSIONS, cache_bytes=4 * 10**9, gpus=True)
FITS = Condition("node7", VERSIONS, 10**10, 10**10, 10**10, gpus=1, clock_s=0.5)


def test_a_machine_that_fits_is_not_complained_of() -> None:
    assert complaints(DEMANDS, FITS) == []
    assert complaints(replace(DEMANDS, gpus=False), replace(FITS, gpus=None)) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {"versions": {**VERSIONS, "torch": "2.9.1"}},
            "torch is 2.9.1 there and 2.13.0 here; install the same",
        ),
        ({"versions": {"torch": "2.13.0"}}, "fadeout is missing there and abc here"),
        ({"cache_free_bytes": 5 * 10**9}, "5.0 GB free for the cache, 5.1 GB needed"),
        ({"temporary_free_bytes": 10**8}, "0.1 GB free for temporary files, 1.1 GB needed"),
        ({"memory_bytes": 5 * 10**8}, "0.5 GB of memory available, 1.1 GB needed"),
        ({"gpus": 0}, "torch finds no GPU there"),
        ({"clock_s": 90.0}, "its clock is 90 s ahead of this machine's"),
        ({"clock_s": -3600.0}, "its clock is 3600 s behind this machine's"),
    ],
)
def test_each_fault_is_named_with_its_remedy(found: dict[str, object], said: str) -> None:
    (line,) = complaints(DEMANDS, replace(FITS, **found))  # type: ignore[arg-type]
    assert line.startswith(said)


def test_a_machine_tells_its_condition(tmp_path: Path) -> None:
    before = time.time()
    found = condition(tmp_path, gpus=False)
    assert before <= found.clock_s <= time.time()
    assert min(found.cache_free_bytes, found.temporary_free_bytes, found.memory_bytes) > 0
    assert found.gpus is None
    assert complaints(Demands(found.versions, 0, gpus=False), replace(found, clock_s=0.0)) == []


def test_the_version_is_that_of_the_code_and_of_what_changes_numbers() -> None:
    versions = code_version()
    assert len(versions["fadeout"]) == 12
    assert {"torch", "numpy", "ray", "optuna"} <= versions.keys()
