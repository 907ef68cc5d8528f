"""The epoch loop: torch only, in one process or in several that train together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from study.errors import TrainingError
from study.machine.runtime import Runtime
from study.streaming.supply import supplying
from study.training.batches import Batch, batches
from study.training.by_loss import SubsetScores
from study.training.checkpoint import CheckpointStore, TrainingState
from study.training.epoch import Epoch, ValidationScores
from study.training.iteration import Iteration
from study.training.ranks import Ranks
from study.training.rates import build_optimizer, learning_rate, learns
from study.training.recipe import Criterion
from study.training.samples import Samples
from study.training.waiting import Waiting

__all__ = ["Outcome", "Report", "Validate", "train"]

Validate = Callable[[nn.Module], ValidationScores | None]
Report = Callable[[Epoch], bool]


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        history: its epochs, oldest first.
        stopped: True if `report` asked for an end before the last epoch.
    """

    history: tuple[Epoch, ...]
    stopped: bool


def train(
    network: nn.Module,
    samples: Samples,
    store: CheckpointStore,
    criterion: Criterion,
    runtime: Runtime,
    validate: Validate,
    report: Report,
    subsets: SubsetScores | None = None,
) -> Outcome:
    """Train a network, continuing from its checkpoint where there is one.

    Args:
        network: moved to the device and trained in place.
        samples: what to learn from, and how.
        store: the first process saves each epoch to it; every process restores from it.
        criterion: what is minimised; see `study.training.recipe`.
        runtime: where and in which precision.
        validate: scores the network in evaluation mode; called by every process. None where nothing is validated.
        report: receives each validated epoch; True asks for an end. Called by the first process. A training that
            continues repeats its last report, whose answer may have been lost.
        subsets: draws the modality dropout by what the criterion tells it; None leaves that to the policy.

    Where memory runs out and `trainer.on_out_of_memory` says so, batches are trained in more parts from then on, also
    by a process that continues this training. Processes that train one network together cannot change that on their
    own: the error ends the group, and the caller starts it again with more parts (see `study.training.memory`).

    Raises:
        TrainingError: the loss is not finite, the checkpoint does not fit, or a fresh brain cannot be used.
        LoaderError: a process that draws patches died or hangs.
        ProducerError: a process that makes fresh brains died, or cannot write.
        RuntimeError: memory has run out; see `study.machine.memory`.
    """
    trainer = samples.course.trainer
    ranks = Ranks.current()
    torch.use_deterministic_algorithms(trainer.deterministic)
    network.to(runtime.device)
    optimizer = build_optimizer(network, trainer)
    scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.precision == torch.float16)
    state = TrainingState(network, optimizer, scaler)
    history = state.restore(store)
    if history and ranks.first:  # an interruption may have left the last epoch out of the list
        state.save(store, history)
    model = DistributedDataParallel(network) if ranks.world > 1 else network
    iteration = Iteration(
        model,
        optimizer,
        scaler,
        criterion,
        trainer.gradient_clip,
        runtime,
        parts=max([trainer.micro_batches, *(epoch.micro_batches for epoch in history[-1:])]),
        halves=trainer.on_out_of_memory == "halve" and ranks.world == 1,
    )
    if subsets is not None and history:
        subsets.scores = dict(history[-1].subset_scores)
    if len(history) < trainer.epochs and history and _asked_to_stop(history[-1], report, ranks):
        return Outcome(tuple(history), stopped=True)
    with _running(samples, len(history), iteration, ranks, subsets) as running:
        for number in range(len(history), trainer.epochs):
            epoch = running.epoch(number)
            if _is_validated(number, samples):
                network.eval()
                epoch = replace(epoch, validation=validate(network))
            history.append(epoch)
            if ranks.first:
                state.save(store, history)
            if _asked_to_stop(epoch, report, ranks) and number + 1 < trainer.epochs:
                return Outcome(tuple(history), stopped=True)
    return Outcome(tuple(history), stopped=False)


def _asked_to_stop(epoch: Epoch, report: Report, ranks: Ranks) -> bool:
    return ranks.agree(ranks.first and epoch.validation is not None and report(epoch))


def _is_validated(number: int, samples: Samples) -> bool:
    """Every so many epochs, at each rung, and at the end."""
    course, finished = samples.course, number + 1
    trainer = course.trainer
    return finished % trainer.validate_every == 0 or finished in (*course.rungs, trainer.epochs)


@dataclass(frozen=True)
class _Running:
    """What the epochs of a training in this process share."""

    samples: Samples
    stream: Iterator[Batch]
    iteration: Iteration
    ranks: Ranks
    subsets: SubsetScores | None
    waiting: Waiting

    def epoch(self, number: int) -> Epoch:
        """Train for one epoch, 0-based; what is recorded of it but for its validation."""
        samples, course, iteration = self.samples, self.samples.course, self.iteration
        began = time.perf_counter()
        rate = learning_rate(course.trainer, number)
        for group in iteration.optimizer.param_groups:
            group["lr"] = rate
        iteration.model.train()
        losses, dropped = [], []
        # A network without parameters to train has its loss told, once an epoch.
        for _ in range(course.trainer.iterations_per_epoch if learns(iteration.model) else 1):
            batch = next(self.stream)
            losses.append(iteration(batch))
            if self.subsets is not None:
                self.subsets.keep(len(batch))
            dropped.append(batch.dropped.mean(0))
        loss = float(self.ranks.mean(torch.stack(losses).mean()))
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} in epoch {number + 1}; lower trainer.learning_rate (now {rate:.3g}) "
                "or use trainer.precision=fp32"
            )
        shares = self._mean(torch.stack(dropped).mean(0)).tolist()
        drawn = zip(course.modalities, shares, course.droppable, strict=True)
        seconds = time.perf_counter() - began
        return Epoch(
            epoch=number + 1,
            time_ms=time.time_ns() // 1_000_000,
            seconds=seconds,
            train_loss=loss,
            learning_rate=rate,
            fade=samples.fade_at(number),
            dropped={name: share for name, share, can in drawn if can},
            micro_batches=iteration.parts,
            subset_scores={} if self.subsets is None else self.subsets.end_epoch(self.ranks),
            waited_s=float(self._mean(torch.tensor(self.waiting.end_epoch(seconds)))),
        )

    def _mean(self, value: torch.Tensor) -> torch.Tensor:
        return self.ranks.mean(value.to(self.iteration.runtime.device))


@contextmanager
def _running(
    samples: Samples, first_epoch: int, iteration: Iteration, ranks: Ranks, subsets: SubsetScores | None
) -> Iterator[_Running]:
    """Train epochs in this block, at whose end nothing is made for the training any more."""
    choose = None if subsets is None else subsets.choose
    with supplying(samples.stream, samples.needs(first_epoch, ranks)) as supply:
        stream = batches(samples, first_epoch, ranks, choose, supply)
        yield _Running(samples, stream, iteration, ranks, subsets, Waiting(supply))
