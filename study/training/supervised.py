"""The plain criterion: the loss of the segmentation that the network makes of what dropout has left."""

from __future__ import annotations

from torch import Tensor, nn

from study.training.batches import Batch
from study.training.recipe import Ingredients, Recipe

__all__ = ["supervised"]


def supervised(ingredients: Ingredients) -> Recipe:
    """The loss of the logits for the reduced image against the target."""
    loss = ingredients.loss

    def criterion(model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.reduced, batch.code)
        ingredients.watch(logits, batch)
        return loss(logits, batch.target)

    return Recipe(criterion)
