"""What a training minimises: from a network and a batch to one number, for each technique of the papers."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from study.config import Config
from study.training.batches import Batch
from study.training.losses import segmentation_loss

__all__ = ["training_objective"]


def training_objective(config: Config, network: nn.Module) -> Callable[[nn.Module, Batch], Tensor]:
    """The objective that the configuration asks for.

    Args:
        config: trainer (the loss) and the techniques' sections are read.
        network: as built, without a wrapper for distributed training.
    """
    loss = segmentation_loss(config.trainer)

    def supervised(model: nn.Module, batch: Batch) -> Tensor:
        result: Tensor = loss(model(batch.reduced, batch.code), batch.target)
        return result

    return supervised
