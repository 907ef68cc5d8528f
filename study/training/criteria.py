"""Which criterion a training needs. A new criterion is one file; its name stands in `study.config.parts`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from models import find_model
from study.config import Cotraining, Distillation, Model, Ranking
from study.config.parts import find_part
from study.errors import ConfigError
from study.training.by_loss import SubsetScores
from study.training.course import Course
from study.training.losses import segmentation_loss
from study.training.recipe import Ingredients, Recipe, unwatched

__all__ = ["training_recipe"]


def training_recipe(
    course: Course,
    model: Model,
    network: nn.Module,
    cotraining: Cotraining,
    distillation: Distillation,
    ranking: Ranking,
) -> Recipe:
    """How a network learns: by the criterion that `trainer.criterion` names, or else by the one that is needed.

    Args:
        course: the settings of the training.
        model: the network's section.
        network: as built, without a wrapper for distributed training.
        cotraining, distillation, ranking: the sections of the techniques that train on pairs.

    Raises:
        ConfigError: the technique does not go with the network.
    """
    in_pairs = cotraining.enabled or distillation.enabled or ranking.enabled
    needed = "paired" if in_pairs else find_model(model.name).criterion or "supervised"
    name = course.trainer.criterion or needed
    loss = segmentation_loss(course.trainer)
    criterion: Callable[[Ingredients], Recipe] = find_part("criteria", name)
    by_loss = course.dropout.subset_sampling == "by_loss"
    subsets = SubsetScores(course.modalities, course.dropout) if by_loss else None
    watch = unwatched if subsets is None else subsets.watching(loss)
    try:
        recipe = criterion(
            Ingredients(network, loss, course, model, cotraining, distillation, ranking, watch)
        )
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    return replace(recipe, subsets=subsets)
