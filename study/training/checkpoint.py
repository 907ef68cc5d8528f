"""The state of a training as bytes: all that is needed to continue as if it had never stopped."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import torch
from torch import nn

from study.errors import TrainingError
from study.training.epoch import Epoch

__all__ = ["CheckpointStore", "TrainingState"]

DAMAGED = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    EOFError,
    pickle.UnpicklingError,
)
"""What torch raises while it reads a file that it did not write, or loads what belongs to another network."""


class CheckpointStore(Protocol):
    """Where one training keeps its checkpoint and the list of its epochs."""

    @property
    def name(self) -> str:
        """What messages call the checkpoint, such as its path."""

    def load(self) -> bytes | None:
        """The checkpoint that was saved last, or an earlier one if it is damaged; None where there is none."""

    def save(self, checkpoint: bytes, epochs: Sequence[Epoch]) -> None:
        """Keep the checkpoint, then list the epochs it holds, each in one move.

        In this order, an interruption between the two never leaves an epoch listed that cannot be resumed.
        """


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What changes while a network is trained.

    Samples, learning rate and g depend on the epoch alone: the number of epochs restores all three.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler

    def save(self, store: CheckpointStore, history: Sequence[Epoch]) -> None:
        """Save the state after these epochs, with the states of torch's random generators."""
        content = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": json.dumps([epoch.to_dict() for epoch in history]),
            "torch_random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        buffer = BytesIO()
        torch.save(content, buffer)
        store.save(buffer.getvalue(), history)

    def restore(self, store: CheckpointStore) -> list[Epoch]:
        """Restore the saved state where there is one, and return its epochs; none otherwise.

        Raises:
            TrainingError: the checkpoint belongs to another network or is damaged.
        """
        checkpoint = store.load()
        if checkpoint is None:
            return []
        try:
            content = torch.load(BytesIO(checkpoint), map_location="cpu", weights_only=True)
            history = [Epoch.from_dict(epoch) for epoch in json.loads(content["history"])]
            self.network.load_state_dict(content["network"])
            self.optimizer.load_state_dict(content["optimizer"])
            if content["scaler"]:
                self.scaler.load_state_dict(content["scaler"])
            torch.set_rng_state(content["torch_random"])
            if content["cuda_random"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(content["cuda_random"])
        except DAMAGED as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise TrainingError(
                f"{store.name}: the checkpoint does not fit this network or is damaged ({reason}); "
                "remove it and the one before it to train this trial anew"
            ) from None
        return history
