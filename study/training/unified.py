"""How the unified representation network learns (Lau et al. 2019): end to end, or its representation first.

End to end, the criterion sums segmentation, likeness of the encoders and synthesis. With
`model.unified.pretraining_epochs`, a first stage learns the representation by synthesis, without any mask; the encoders
are then frozen while the segmentation is learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor, nn

from models import find_model
from models.parts.unified import Unified, UnifiedNetwork
from study.config import ModalityDropout, Schedule, Trainer
from study.config.model import Unified as Settings
from study.training.batches import Batch
from study.training.course import Course
from study.training.recipe import Criterion, Ingredients, Loss, Recipe, Stage

__all__ = ["end_to_end", "unified"]


def unified(ingredients: Ingredients) -> Recipe:
    """Segmentation + variance_weight · variance + synthesis_weight · synthesis error, after an optional first stage.

    Where the representation is frozen, only the segmentation is left.
    """
    model = ingredients.model
    cost = end_to_end(model.unified, ingredients.loss)

    def criterion(network: nn.Module, batch: Batch) -> Tensor:
        output: Unified | Tensor = network(batch.reduced, batch.code)
        ingredients.watch(output.logits if isinstance(output, Unified) else output, batch)
        return cost(output, batch)

    if model.unified.pretraining_epochs == 0:
        return Recipe(criterion)
    course = _synthesis_course(ingredients.course, model.unified, find_model(model.name).fewest_modalities)
    return Recipe(criterion, Stage(course, _synthesis(model.unified), freeze_encoders))


def end_to_end(settings: Settings, loss: Loss) -> Callable[[Unified | Tensor, Batch], Tensor]:
    """What the network's output for a reduced image costs: `(output, batch) → scalar`."""

    def cost(output: Unified | Tensor, batch: Batch) -> Tensor:
        if not isinstance(output, Unified):
            return loss(output, batch.target)
        return (
            loss(output.logits, batch.target)
            + settings.variance_weight * output.variance.mean()
            + settings.synthesis_weight * synthesis_error(output.syntheses, batch.image, batch.present)
        )

    return cost


def _synthesis(settings: Settings) -> Criterion:
    """Synthesis error + variance_weight · variance: the representation alone (Lau et al. 2019, section 2.4).

    The segmentation gets a gradient of zeros: distributed training expects a gradient for each parameter.
    """

    def criterion(model: nn.Module, batch: Batch) -> Tensor:
        output: Unified = model(batch.reduced, batch.code, segment=False)
        error = synthesis_error(output.syntheses, batch.image, batch.present)
        return error + settings.variance_weight * output.variance.mean() + output.logits[0, 0, 0, 0, 0]

    return criterion


def _synthesis_course(course: Course, settings: Settings, fewest: int) -> Course:
    """The settings of the first stage.

    The paper uses one optimiser, Adam, at a constant rate and without weight decay. Any modality may be dropped, at
    once, as long as the fewest that the network needs stay. No patch is chosen by its mask.
    """
    trainer = course.trainer.model_dump() | {
        "epochs": settings.pretraining_epochs,
        "learning_rate": settings.pretraining_rate,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "decay": "none",
        "foreground_fraction": 0.0,
    }
    dropout = course.dropout.model_dump() | {
        "policy": "truncated_geometric",
        "settings": {},  # of another policy
        "theta": settings.pretraining_theta,
        "subset_sampling": "policy",
        "droppable": course.modalities,
        "keep_at_least": fewest,
    }
    return replace(
        course,
        trainer=Trainer.model_validate(trainer),
        dropout=ModalityDropout.model_validate(dropout),
        schedule=Schedule.model_validate(course.schedule.model_dump() | {"shape": "abrupt", "settings": {}}),
        rungs=(),
    )


def synthesis_error(syntheses: Tensor, image: Tensor, present: Tensor) -> Tensor:
    """Mean absolute error over voxels, then over the present modalities, then over samples; a scalar.

    Args:
        syntheses: `[B, M, D, H, W]`.
        image: `[B, M, D, H, W]`, what is to be synthesised, including modalities that were dropped from the input.
        present: `[B, M]`, 1 where the subject has the modality, else 0; at least one in each row.
    """
    error = (syntheses - image).abs().mean((2, 3, 4))
    return ((error * present).sum(1) / present.sum(1)).mean()


def freeze_encoders(network: nn.Module) -> None:
    """Freeze the representation, encoders and synthesis alike: parameters and running statistics.

    Call it before the optimiser is made, and again whenever the network is rebuilt.

    Raises:
        TypeError: the network has no such representation.
    """
    if not isinstance(network, UnifiedNetwork):
        raise TypeError(f"the network must have a unified representation, got {type(network).__name__}")
    network.freeze()
