"""A training on disk: all that is needed to go on as if it had never stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from study.errors import TrainingError
from study.results import atomic

Record = dict[str, Any]


def save_checkpoint(
    path: Path,
    epochs_path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    history: list[Record],
) -> None:
    """Write the checkpoint, then the epochs it holds, each in one move: no epoch is listed that cannot be resumed.

    Samples, learning rate and g(t) depend on the epoch alone, so the history's length restores all three.
    """
    content = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scaler": scaler.state_dict(),
        "history": json.dumps(history),
        "torch_random": torch.get_rng_state(),
        "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with atomic(path) as temporary:
        torch.save(content, temporary)
    write_epochs(epochs_path, history)


def write_epochs(path: Path, history: list[Record]) -> None:
    """One JSON line an epoch."""
    with atomic(path) as temporary:
        temporary.write_text("".join(json.dumps(record) + "\n" for record in history))


def restore_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> list[Record]:
    """Load a checkpoint where there is one and return its history; an empty history otherwise.

    Raises:
        TrainingError: the checkpoint belongs to another network or is damaged.
    """
    if not path.is_file():
        return []
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(content["network"])
        optimizer.load_state_dict(content["optimizer"])
    except (RuntimeError, ValueError, KeyError, EOFError) as error:
        raise TrainingError(
            f"{path}: the checkpoint does not fit this network or is damaged "
            f"({str(error).splitlines()[0]}); remove it to train this trial anew"
        ) from None
    if content["scaler"]:
        scaler.load_state_dict(content["scaler"])
    torch.set_rng_state(content["torch_random"])
    if content["cuda_random"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(content["cuda_random"])
    history: list[Record] = json.loads(content["history"])
    return history
