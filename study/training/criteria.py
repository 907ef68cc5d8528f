"""Which criterion a training needs. A new criterion is one file; its name stands in `study.config.parts`."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from models import find_model
from study.config import Cotraining, Model
from study.config.parts import find_part
from study.errors import ConfigError
from study.training.course import Course
from study.training.losses import segmentation_loss
from study.training.recipe import Ingredients, Recipe

__all__ = ["training_recipe"]


def training_recipe(course: Course, model: Model, cotraining: Cotraining, network: nn.Module) -> Recipe:
    """How a network learns: by the criterion that `trainer.criterion` names, or else by the one that is needed.

    Args:
        course: the settings of the training.
        model: the network's section.
        cotraining: its section.
        network: as built, without a wrapper for distributed training.

    Raises:
        ConfigError: the technique does not go with the network.
    """
    name = course.trainer.criterion or _needed(model, cotraining)
    loss = segmentation_loss(course.trainer)
    criterion: Callable[[Ingredients], Recipe] = find_part("criteria", name)
    try:
        return criterion(Ingredients(network, loss, course, model, cotraining))
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def _needed(model: Model, cotraining: Cotraining) -> str:
    """Co-training where that is asked for, else what the network's spec names."""
    return "cotraining" if cotraining.enabled else find_model(model.name).criterion or "supervised"
