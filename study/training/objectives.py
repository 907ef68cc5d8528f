"""What a training minimises: from a network and a batch to one number, for each technique of the papers."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from study.config import Config
from study.errors import ConfigError
from study.training.batches import Batch
from study.training.losses import segmentation_loss

__all__ = ["training_objective"]


def training_objective(config: Config, network: nn.Module) -> Callable[[nn.Module, Batch], Tensor]:
    """The objective that the configuration asks for.

    Args:
        config: trainer (the loss) and the techniques' sections are read.
        network: as built, without a wrapper for distributed training.

    Raises:
        ConfigError: the technique does not go with the network.
    """
    loss = segmentation_loss(config.trainer)
    if config.cotraining.enabled:
        from study.training.cotraining import cotraining_objective

        try:
            return cotraining_objective(config, network, loss)
        except ValueError as error:
            raise ConfigError([str(error)]) from None
    if config.model.name == "urn":
        from study.training.unified import unified_objective

        return unified_objective(config, loss)

    def supervised(model: nn.Module, batch: Batch) -> Tensor:
        result: Tensor = loss(model(batch.reduced, batch.code), batch.target)
        return result

    return supervised
