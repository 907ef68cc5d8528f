"""The epoch loop: torch only, alone or as one of several processes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from study.config import Trainer
from study.errors import TrainingError
from study.training.batches import Batch, Samples, batches
from study.training.checkpoint import Record, restore_checkpoint, save_checkpoint, write_epochs
from study.training.ranks import Ranks
from study.training.rates import build_optimizer, learning_rate

Validate = Callable[[nn.Module], Mapping[str, float]]
Report = Callable[[int, Mapping[str, float]], bool]
Objective = Callable[[nn.Module, Batch], torch.Tensor]


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        history: one record an epoch.
        stopped: True if `report` asked for an end before the last epoch.
    """

    history: list[Record]
    stopped: bool


def train(
    network: nn.Module,
    samples: Samples,
    checkpoint: Path,
    epochs_path: Path,
    objective: Objective,
    validate: Validate,
    report: Report,
) -> Outcome:
    """Train a network, continuing from its checkpoint where there is one.

    Args:
        network: moved to the device and trained in place.
        samples: what to learn from, with the configuration.
        checkpoint: written every epoch by the first process.
        epochs_path: the same epochs as JSON lines.
        objective: the loss of the network on a batch, differentiable; see `study.training.objectives`.
        validate: metrics of the network in evaluation mode; called by every process.
        report: gets finished epochs (1-based) and metrics; True asks for an end. Called by the first process.

    Raises:
        TrainingError: the loss is not finite, or the checkpoint does not fit.
    """
    trainer = samples.config.trainer
    ranks = Ranks.current()
    device = choose_device(trainer)
    torch.use_deterministic_algorithms(trainer.deterministic)
    network.to(device)
    optimizer = build_optimizer(network, trainer)
    precision = choose_precision(trainer, device)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == torch.float16)
    history = restore_checkpoint(checkpoint, network, optimizer, scaler)
    if history and ranks.first:
        write_epochs(epochs_path, history)
    model = DistributedDataParallel(network) if ranks.world > 1 else network
    step = Step(model, optimizer, scaler, objective, trainer.gradient_clip, device, precision)
    stream = batches(samples, len(history), ranks)
    for epoch in range(len(history), trainer.epochs):
        record = _run_epoch(epoch, samples, stream, step, ranks)
        due = (epoch + 1) % trainer.validate_every == 0 or epoch + 1 in (*samples.rungs, trainer.epochs)
        if due:
            network.eval()
            record |= validate(network)
        history.append(record)
        if ranks.first:
            save_checkpoint(checkpoint, epochs_path, network, optimizer, scaler, history)
        stop = ranks.agree(due and ranks.first and report(epoch + 1, record))
        if stop and epoch + 1 < trainer.epochs:
            return Outcome(history, stopped=True)
    return Outcome(history, stopped=False)


@dataclass
class Step:
    """One iteration: forward, loss, backward, clip, update."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    objective: Objective
    gradient_clip: float
    device: torch.device
    precision: torch.dtype

    def __call__(self, batch: Batch) -> torch.Tensor:
        """The loss of a batch, detached, after the update."""
        batch = batch.to(self.device)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            loss = self.objective(self.model, batch)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach()


def choose_device(trainer: Trainer) -> torch.device:
    """The device that `trainer.device` asks for.

    Raises:
        TrainingError: a GPU is asked for and there is none.
    """
    if trainer.device == "cpu" or (trainer.device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise TrainingError("trainer.device: cuda is asked for and this machine has none; use auto or cpu")
    return torch.device("cuda", torch.cuda.current_device())


def choose_precision(trainer: Trainer, device: torch.device) -> torch.dtype:
    """The type that convolutions run in: with `auto`, half precision where the device is made for it."""
    named = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if trainer.precision != "auto":
        return named[trainer.precision]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _run_epoch(epoch: int, samples: Samples, stream: Iterator[Batch], step: Step, ranks: Ranks) -> Record:
    trainer = samples.config.trainer
    began = time.perf_counter()
    rate = learning_rate(trainer, epoch)
    for group in step.optimizer.param_groups:
        group["lr"] = rate
    step.model.train()
    losses, dropped = [], []
    for _ in range(trainer.iterations_per_epoch):
        batch = next(stream)
        losses.append(step(batch))
        dropped.append(batch.dropped.mean(0))
    loss = float(ranks.mean(torch.stack(losses).mean()))
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss} in epoch {epoch + 1}; lower trainer.learning_rate (now {rate:.3g}) "
            "or use trainer.precision=fp32"
        )
    drawn = ranks.mean(torch.stack(dropped).mean(0).to(step.device)).tolist()
    record: Record = {
        "epoch": epoch + 1,
        "time_ms": time.time_ns() // 1_000_000,
        "seconds": time.perf_counter() - began,
        "train_loss": loss,
        "learning_rate": rate,
        "fade": samples.fade_at(epoch),
    }
    names = samples.config.cohort.modalities
    record |= {
        f"dropped_{name}": share
        for name, share, can in zip(names, drawn, samples.droppable, strict=True)
        if can
    }
    return record
