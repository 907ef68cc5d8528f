"""Batches in parts: the same gradient, and what happens where memory runs out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as multiprocessing
from torch import nn
from training_cases import MemoryStore, samples_of, short_course

from study.config import Trainer
from study.machine.runtime import Runtime
from study.training.batches import Batch, batches
from study.training.epoch import ValidationScores
from study.training.iteration import Iteration
from study.training.loop import Outcome, train
from study.training.losses import segmentation_loss
from study.training.ranks import Ranks
from study.training.rates import build_optimizer
from study.training.recipe import Criterion

CPU = Runtime.choose("cpu", "fp32")


def layers(*more: nn.Module) -> nn.Module:
    """No bias before a normalisation: its gradient is 0 but for rounding, which Adam would blow up."""
    torch.manual_seed(0)
    first = nn.Conv3d(3, 6, 3, padding=1, bias=False)
    return nn.Sequential(first, nn.InstanceNorm3d(6, affine=True), *more, nn.LeakyReLU(), nn.Conv3d(6, 2, 1))


def criterion_for(trainer: Trainer, fits: int | None = None, failures: list[int] | None = None) -> Criterion:
    """The loss; memory runs out, after the forward pass, where a part has more samples than fit."""
    loss = segmentation_loss(trainer)

    def criterion(model: nn.Module, batch: Batch) -> torch.Tensor:
        result: torch.Tensor = loss(model(batch.reduced), batch.target)
        if fits is not None and len(batch) > fits:
            if failures is not None:
                failures.append(len(batch))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return result

    return criterion


def some_batches(count: int, size: int) -> Iterator[Batch]:
    stream = batches(samples_of(short_course(batch_size=size)), 0, Ranks())
    return (next(stream) for _ in range(count))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize(("size", "parts"), [(4, 2), (3, 2), (4, 9)])
def test_the_weights_after_some_iterations_in_parts_are_those_of_whole_batches(
    optimizer: str, size: int, parts: int
) -> None:
    trainer = short_course(optimizer=optimizer, learning_rate=0.01).trainer
    trained = []
    for count in (1, parts):
        network = layers()
        iteration = Iteration(
            network,
            build_optimizer(network, trainer),
            torch.amp.GradScaler("cpu", enabled=False),
            criterion_for(trainer),
            trainer.gradient_clip,
            CPU,
            parts=count,
        )
        lost = [float(iteration(batch)) for batch in some_batches(5, size)]
        trained.append((lost, torch.cat([value.flatten() for value in network.state_dict().values()])))
    (whole_loss, whole), (loss, weights) = trained
    assert loss == pytest.approx(whole_loss, abs=1e-6)
    assert len(set(whole_loss)) == 5
    torch.testing.assert_close(weights, whole, rtol=0, atol=1e-5)


def test_the_gradient_in_parts_is_that_of_the_mean_over_all_samples() -> None:
    trainer = short_course(gradient_clip=1e9).trainer
    (batch,) = some_batches(1, 3)
    network, criterion = layers(), criterion_for(trainer)
    expected = torch.autograd.grad(criterion(network, batch), list(network.parameters()))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.0)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    Iteration(network, optimizer, scaler, criterion, 1e9, CPU, parts=2)(batch)
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_a_batch_in_parts_has_every_sample_once_and_in_order() -> None:
    (batch,) = some_batches(1, 5)
    for parts, sizes in ((1, [5]), (2, [3, 2]), (4, [2, 1, 1, 1]), (8, [1] * 5)):
        split = batch.split(parts)
        assert [len(part) for part in split] == sizes
        assert torch.equal(torch.cat([part.image for part in split]), batch.image)
        assert torch.equal(torch.cat([part.code for part in split]), batch.code)


def run(criterion: Criterion, store: MemoryStore, stop_at: int | None = None, **trainer: Any) -> Outcome:
    """A training with layers that draw, and that keep running statistics."""
    course = short_course(batch_size=4, **trainer)
    return train(
        layers(nn.BatchNorm3d(6), nn.Dropout(0.5)),
        samples_of(course, world=Ranks.current().world),
        store,
        criterion,
        CPU,
        lambda network: ValidationScores(0.0, 0.0, 0.0, 0.0),
        lambda epoch: epoch.epoch == stop_at,
    )


def curve(outcome: Outcome) -> list[Any]:
    return [replace(epoch, time_ms=0, seconds=0.0) for epoch in outcome.history]


def test_out_of_memory_halves_a_batch_as_if_it_had_been_in_parts_from_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer, failures = short_course().trainer, list[int]()
    with caplog.at_level(logging.WARNING):
        halved = run(
            criterion_for(trainer, 1, failures), MemoryStore(), on_out_of_memory="halve", learning_rate=0.05
        )
    assert failures == [4, 2]
    assert [epoch.micro_batches for epoch in halved.history] == [4, 4, 4, 4]
    assert "each batch of 4 is trained in 4 parts" in caplog.messages[-1]
    asked = run(criterion_for(trainer), MemoryStore(), micro_batches=4, learning_rate=0.05)
    assert curve(halved) == curve(asked)


def test_a_training_that_is_continued_goes_on_in_as_many_parts() -> None:
    trainer, failures, store = short_course().trainer, list[int](), MemoryStore()
    run(criterion_for(trainer, 2, failures), store, stop_at=2, on_out_of_memory="halve")
    assert failures == [4]
    continued = run(criterion_for(trainer, 2, failures), store, on_out_of_memory="halve")
    assert failures == [4]
    whole = run(criterion_for(trainer, 2), MemoryStore(), on_out_of_memory="halve")
    assert curve(continued) == curve(whole)
    assert [epoch.micro_batches for epoch in continued.history] == [2, 2, 2, 2]


def test_what_does_not_fit_in_single_samples_is_an_error() -> None:
    failures: list[int] = []
    with pytest.raises(torch.OutOfMemoryError):
        run(criterion_for(short_course().trainer, 0, failures), MemoryStore(), on_out_of_memory="halve")
    assert failures == [4, 2, 1]


def test_no_batch_is_halved_unless_asked_for_or_for_another_error() -> None:
    failures: list[int] = []
    with pytest.raises(torch.OutOfMemoryError):
        run(criterion_for(short_course().trainer, 2, failures), MemoryStore())
    assert failures == [4]

    def broken(model: nn.Module, batch: Batch) -> torch.Tensor:
        failures.append(len(batch))
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        run(broken, MemoryStore(), on_out_of_memory="halve")
    assert failures == [4, 4]


def _rank(rank: int, world: int, root: str, fits: int | None) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{root}/meet{world}", rank=rank, world_size=world
    )
    course = short_course(batch_size=4 // world, micro_batches=2, on_out_of_memory="halve")
    outcome = train(
        layers(),
        samples_of(course, world=world),
        MemoryStore(),
        criterion_for(course.trainer, fits if rank == 1 else None),
        CPU,
        lambda network: None,
        lambda epoch: False,
    )
    if rank == 0:
        lost = [epoch.train_loss for epoch in outcome.history]
        (Path(root) / f"losses{world}.json").write_text(json.dumps(lost))
    torch.distributed.barrier()  # the first to leave would break the connections of the other
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_workers_with_batches_in_parts_lose_the_same_as_one(tmp_path: Path) -> None:
    losses = {}
    for world in (1, 2):
        multiprocessing.spawn(_rank, args=(world, str(tmp_path), None), nprocs=world)
        losses[world] = json.loads((tmp_path / f"losses{world}.json").read_text())
    assert len(set(losses[1])) == 4
    assert losses[2] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.slow
def test_in_a_group_out_of_memory_ends_the_one_that_has_it_and_so_the_group(tmp_path: Path) -> None:
    with pytest.raises(multiprocessing.ProcessRaisedException, match="OutOfMemoryError: CUDA out of memory"):
        multiprocessing.spawn(_rank, args=(2, str(tmp_path), 0), nprocs=2)
    assert not list(tmp_path.glob("losses*"))
