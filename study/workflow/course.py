"""The part of a trial's configuration that its training reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from study.config import Config
from study.training.course import Course
from study.training.rungs import study_rungs

if TYPE_CHECKING:
    from torch import nn

    from study.training.recipe import Recipe


def training_course(config: Config) -> Course:
    """The settings of a trial's training.

    Args:
        config: of the trial, narrowed to the modalities of its network.
    """
    return Course(
        seed=config.study.seed,
        modalities=config.cohort.modalities,
        trainer=config.trainer,
        dropout=config.modality_dropout,
        schedule=config.schedule,
        code="gradual" if config.filler.kind == "learned" else config.head.code,  # what fades in is 1 - g
        rungs=study_rungs(config.trainer, config.tuning),
        imputes=config.imputation.kind == "physics",
    )


def network_recipe(config: Config, course: Course, network: nn.Module) -> Recipe:
    """The recipe that a trial's network is trained with: criterion and pretraining.

    Raises:
        ConfigError: the technique does not fit the network.
    """
    from study.training.criteria import training_recipe

    return training_recipe(
        course, config.model, network, config.cotraining, config.distillation, config.ranking
    )
