"""What a training minimises, and the training that may come before it.

A criterion turns a network and a batch into one number. Each technique or network that needs a criterion of its own
has a function in a file of its own, from `Ingredients` to a `Recipe`, which raises ValueError where the network does
not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from study.config import Cotraining, Distillation, Model, Ranking
from study.training.batches import Batch
from study.training.course import Course

if TYPE_CHECKING:
    from study.training.by_loss import SubsetScores

__all__ = [
    "Criterion",
    "Ingredients",
    "Logits",
    "Loss",
    "Recipe",
    "Stage",
    "Watch",
    "sample_losses",
    "unwatched",
]

Logits = Tensor | Sequence[Tensor]
Loss = Callable[[Logits, Tensor], Tensor]
Criterion = Callable[[nn.Module, Batch], Tensor]
Watch = Callable[[Logits, Batch], None]


def unwatched(logits: Logits, batch: Batch) -> None:
    """Nobody asks for the losses of samples."""


def sample_losses(loss: Loss, logits: Logits, target: Tensor) -> Tensor:
    """The loss of each sample on its own, `[B]`.

    Args:
        loss: a mean over samples.
        logits: `[B, K, D, H, W]`, or one such per resolution.
        target: `[B, D, H, W]`.
    """
    heads = [logits] if isinstance(logits, Tensor) else logits
    single = isinstance(logits, Tensor)
    rows = zip(*(torch.split(head, 1) for head in heads), strict=True)
    pairs = zip(rows, torch.split(target, 1), strict=True)
    return torch.stack([loss(row[0] if single else list(row), truth) for row, truth in pairs])


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What a criterion may be made of.

    Attributes:
        network: as built, without a wrapper for distributed training.
        loss: of logits `[B, K, D, H, W]`, or a list of them with deep supervision, and a target `[B, D, H, W]`.
        course: the settings of the training that the criterion is for.
        model: the network's section.
        cotraining, distillation, ranking: the sections of the techniques that train on pairs.
        watch: to be told of the logits for the reduced image and of their batch (`study.training.by_loss`).
    """

    network: nn.Module
    loss: Loss
    course: Course
    model: Model
    cotraining: Cotraining = field(default_factory=Cotraining)
    distillation: Distillation = field(default_factory=Distillation)
    ranking: Ranking = field(default_factory=Ranking)
    watch: Watch = unwatched


@dataclass(frozen=True, eq=False)
class Stage:
    """A training that comes before the one of the trial.

    Attributes:
        course: its settings.
        criterion: what it minimises.
        finish: changes the network afterwards, whether the stage was trained now or restored: what it freezes.
    """

    course: Course
    criterion: Criterion
    finish: Callable[[nn.Module], None]


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a network learns.

    Attributes:
        criterion: what the training minimises: a scalar, differentiable in the network's parameters.
        pretraining: what comes before; None where nothing does.
        subsets: learns from the criterion which subsets lose most; None unless these are drawn more often.
    """

    criterion: Criterion
    pretraining: Stage | None = None
    subsets: SubsetScores | None = None
