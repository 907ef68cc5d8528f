"""Trainings that learn nothing, in milliseconds; a module of its own, so that workers can import them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.config import Config
from study.errors import TrainingError
from study.records import CompleteTrial, PrunedTrial, TrialFolder
from study.training.epoch import Epoch, ValidationScores

Report = Callable[[Epoch], bool]


def epoch_of(number: int, objective: float) -> Epoch:
    """A validated epoch."""
    return Epoch(number, 0, 0.0, 0.0, 0.0, 0.0, {}, ValidationScores(0.0, 0.0, 0.0, objective))


def notes(name: str) -> Path:
    """A file that survives the attempt, in the folder FAKE_NOTES."""
    return Path(os.environ["FAKE_NOTES"]) / name


def fake_trial(config: Config, folder: TrialFolder, report: Report) -> Any:
    """The objective is the learning rate; a checkpoint holds the number of the epoch, and a result comes at the end."""
    rate, training = config.trainer.learning_rate, folder.training
    done = int(training.load() or 0)
    with notes(f"starts-{folder.number}").open("a") as starts:
        starts.write(f"{os.getpid()} {done}\n")
    epoch = done
    stopped = done > 0 and report(epoch_of(done, rate))  # as the real training, whose last answer may be lost
    for epoch in range(done + 1, config.trainer.epochs + 1) if not stopped else ():
        time.sleep(float(os.environ.get("FAKE_EPOCH_S", "0")))
        training.save(str(epoch).encode(), [epoch_of(one, rate) for one in range(1, epoch + 1)])
        if report(epoch_of(epoch, rate)):
            stopped = True
            break
    ended = PrunedTrial if stopped and epoch < config.trainer.epochs else CompleteTrial
    result = ended(trial=folder.number, value=rate, epochs=epoch, seconds=0.0, device="cpu")
    folder.result.write(result)
    return result


def fails_or_dies_once(config: Config, folder: TrialFolder, report: Report) -> Any:
    """Trial 3 fails; trial 1 loses its process after two epochs, once."""
    if folder.number == 3:
        raise TrainingError(f"trial {folder.number}: the loss is not finite")

    def deadly(epoch: Epoch) -> bool:
        stop = report(epoch)
        if folder.number == 1 and epoch.epoch == 2 and not notes("died").exists():
            notes("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return stop

    return fake_trial(config, folder, deadly)


def sums_ranks(config: Config, folder: TrialFolder, report: Report) -> Any:
    """For groups: rank 0 reports and decides for all, as the real training does."""
    import torch
    import torch.distributed as dist

    rank, size = dist.get_rank(), dist.get_world_size()
    for epoch in range(1, config.trainer.epochs + 1):
        total = torch.tensor([float(rank + 1)])
        dist.all_reduce(total)
        stop = [False]
        if rank == 0:
            stop[0] = report(epoch_of(epoch, config.trainer.learning_rate))
        dist.broadcast_object_list(stop, src=0)
        if stop[0]:
            break
    if rank == 0:
        ended = PrunedTrial if stop[0] else CompleteTrial
        device = f"{size} ranks with the sum {float(total):g}"
        folder.result.write(
            ended(
                trial=folder.number,
                value=config.trainer.learning_rate,
                epochs=epoch,
                seconds=0.0,
                device=device,
            )
        )


def loses_a_rank_once(config: Config, folder: TrialFolder, report: Report) -> Any:
    """For groups: the second process dies in the third epoch, once; every epoch needs all processes."""
    import torch
    import torch.distributed as dist

    rank, training = dist.get_rank(), folder.training
    done = int(training.load() or 0)
    if rank == 0:
        with notes(f"starts-{folder.number}").open("a") as starts:
            starts.write(f"{os.getpid()} {done}\n")
    for epoch in range(done + 1, config.trainer.epochs + 1):
        if rank == 1 and epoch == 3 and not notes("died").exists():
            notes("died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        dist.all_reduce(torch.ones(1))
        if rank == 0:
            training.save(str(epoch).encode(), [epoch_of(one, 0.5) for one in range(1, epoch + 1)])
            report(epoch_of(epoch, 0.5))
    if rank == 0:
        ended = CompleteTrial(
            trial=folder.number, value=0.5, epochs=config.trainer.epochs, seconds=0.0, device="cpu"
        )
        folder.result.write(ended)


def weighty(config: Config, folder: TrialFolder, report: Report) -> Any:
    """A training whose checkpoints take a megabyte."""
    training, epoch = folder.training, 0
    for epoch in range(len(training.epochs.read()) + 1, config.trainer.epochs + 1):
        training.save(os.urandom(2**20), [epoch_of(one, 0.5) for one in range(1, epoch + 1)])
        report(epoch_of(epoch, 0.5))
    folder.result.write(
        CompleteTrial(trial=folder.number, value=0.5, epochs=epoch, seconds=0.0, device="cpu")
    )
