"""What is said and done where a training does not fit into memory."""

from __future__ import annotations

import errno

import pytest
import torch

from study.config import Trainer
from study.errors import MemoryShortageError, TrainingError
from study.training.memory import advising_on_memory, memory_advice, with_more_parts


def test_the_advice_names_the_settings_that_help_and_their_values() -> None:
    assert memory_advice(Trainer(batch_size=4, loader_workers=3)) == (
        "lower trainer.batch_size (now 4) or model.patch_size; "
        "or train each batch in parts, of the same samples: trainer.on_out_of_memory=halve, "
        "or trainer.micro_batches=2; "
        "where trials share the memory, let fewer run at a time: raise trainer.cpus_per_worker (now 1) "
        "or lower study.concurrency or trainer.loader_workers (now 3)"
    )
    shared = memory_advice(Trainer(batch_size=2, micro_batches=2, gpus_per_worker=0.25))
    assert "raise trainer.gpus_per_worker (now 0.25)" in shared
    assert "micro_batches" not in shared


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_error_of_memory_becomes_one_line_with_the_advice(error: Exception) -> None:
    with (
        pytest.raises(
            MemoryShortageError, match=r"^out of memory \(.*\); lower trainer\.batch_size"
        ) as caught,
        advising_on_memory(Trainer()),
    ):
        raise error
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes"), OSError(errno.ENOSPC, "full"), TrainingError("nan")]
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, advising_on_memory(Trainer()):
        raise error
    assert caught.value is error


def test_a_group_tries_again_with_twice_as_many_parts_until_each_is_one_sample() -> None:
    trainer: Trainer | None = Trainer(batch_size=3, on_out_of_memory="halve", workers=2)
    parts = []
    while trainer is not None:
        parts.append(trainer.micro_batches)
        trainer = with_more_parts(trainer)
    assert parts == [1, 2, 3]
    assert with_more_parts(Trainer(batch_size=4)) is None
