"""What a training minimises, and the training that may come before it.

A criterion turns a network and a batch into one number. Each technique or network that needs a criterion of its own
has a function in a file of its own, from `Ingredients` to a `Recipe`, which raises ValueError where the network does
not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from study.config import Cotraining, Model
from study.training.batches import Batch
from study.training.course import Course

__all__ = ["Criterion", "Ingredients", "Logits", "Loss", "Recipe", "Stage"]

Logits = Tensor | Sequence[Tensor]
Loss = Callable[[Logits, Tensor], Tensor]
Criterion = Callable[[nn.Module, Batch], Tensor]


@dataclass(frozen=True, eq=False)
class Ingredients:
    """What a criterion may be made of.

    Attributes:
        network: as built, without a wrapper for distributed training.
        loss: of logits `[B, K, D, H, W]`, or a list of them with deep supervision, and a target `[B, D, H, W]`.
        course: the settings of the training that the criterion is for.
        model: the network's section.
        cotraining: the section of ModDrop++'s co-training.
    """

    network: nn.Module
    loss: Loss
    course: Course
    model: Model
    cotraining: Cotraining


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
    """

    criterion: Criterion
    pretraining: Stage | None = None
