"""Trainings that learn nothing, in milliseconds; a module of its own, so that workers can import them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from study.config import Config
from study.errors import TrainingError
from study.results import TrialFolder, write_json


def fake_trial(config: Config, folder: TrialFolder, report: Callable[[int, dict[str, float]], bool]) -> Any:
    """The objective is the learning rate; one line an epoch, a checkpoint each epoch, a result at the end."""
    rate = config.trainer.learning_rate
    done = json.loads(folder.checkpoint.read_text()) if folder.checkpoint.is_file() else 0
    with (folder.path / "starts").open("a") as starts:
        starts.write(f"{os.getpid()} {done}\n")
    state, epoch = "complete", done
    for epoch in range(done + 1, config.trainer.epochs + 1):
        time.sleep(float(os.environ.get("FAKE_EPOCH_S", "0")))
        with folder.epochs.open("a") as lines:
            lines.write(json.dumps({"epoch": epoch, "objective": rate}) + "\n")
        write_json(folder.checkpoint, epoch)
        if report(epoch, {"objective": rate, "val_dice_full": 0.0}):
            state = "pruned"
            break
    result = {"trial": folder.number, "state": state, "value": rate, "epochs": epoch}
    write_json(folder.result, result)
    return result


def fails_or_dies_once(config: Config, folder: TrialFolder, report: Any) -> Any:
    """Trial 3 fails; trial 1 loses its process after two epochs, once."""
    if folder.number == 3:
        raise TrainingError(f"trial {folder.number}: the loss is not finite")

    def deadly(epoch: int, metrics: dict[str, float]) -> bool:
        stop = bool(report(epoch, metrics))
        if folder.number == 1 and epoch == 2 and not (folder.path / "died").exists():
            (folder.path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return stop

    return fake_trial(config, folder, deadly)


def sums_ranks(config: Config, folder: TrialFolder, report: Any) -> Any:
    """For groups: rank 0 reports and decides for all, as the real training does."""
    import torch
    import torch.distributed as dist

    rank, size = dist.get_rank(), dist.get_world_size()
    for epoch in range(1, config.trainer.epochs + 1):
        total = torch.tensor([float(rank + 1)])
        dist.all_reduce(total)
        stop = [False]
        if rank == 0:
            stop[0] = report(epoch, {"objective": config.trainer.learning_rate})
        dist.broadcast_object_list(stop, src=0)
        if stop[0]:
            break
    if rank == 0:
        state = "pruned" if stop[0] else "complete"
        value = config.trainer.learning_rate
        write_json(
            folder.result,
            {
                "trial": folder.number,
                "state": state,
                "value": value,
                "sum": float(total),
                "size": size,
                "epochs": epoch,
            },
        )
