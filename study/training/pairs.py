"""Training on pairs: a subject with all it has, and with what modality dropout has left of it.

Co-training, distillation and ranking are terms of one criterion, alone or together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models import find_model
from models.parts.unified import Unified
from study.config import Cotraining
from study.training.batches import Batch
from study.training.cotraining import FirstFeatures
from study.training.distillation import distilled
from study.training.ranking import ranked
from study.training.recipe import Ingredients, Logits, Recipe, Stage
from study.training.unified import end_to_end, unified

__all__ = ["paired"]

Term = Callable[[Logits, Logits, Batch], Tensor]


def paired(ingredients: Ingredients) -> Recipe:
    """α L(F(x)) + β C(F(x̃)), and a term for each technique that is enabled; x̃ is what dropout has left of x.

    L is the loss of the segmentation, C what the network is trained with by itself: L, or with a unified
    representation its other parts, too. α and β are those of co-training, and 1 without it. The terms are
    - γ SSIM (`study.training.cotraining`), λ T² KL (`study.training.distillation`) and λ hinge
    (`study.training.ranking`).

    Both inputs pass through the network as one batch of twice the size, because distributed training expects one
    forward pass for each backward pass. With instance normalisation this equals two passes; batch normalisation takes
    its statistics over both inputs. A sample of which nothing was dropped is its own pair.

    Raises:
        ValueError: a technique does not fit the network.
    """
    own = _Own.of(ingredients)
    features = FirstFeatures.of(ingredients)
    loss, terms = ingredients.loss, list(_terms(ingredients))
    weights = ingredients.cotraining if ingredients.cotraining.enabled else Cotraining()

    def criterion(model: nn.Module, batch: Batch) -> Tensor:
        with features.kept() as kept:
            output = model(torch.cat((batch.image, batch.reduced)), torch.cat((batch.present, batch.code)))
        full, reduced = _halves(output)
        logits = _logits(full), _logits(reduced)
        ingredients.watch(logits[1], batch)
        parts = [
            weights.full_weight * loss(logits[0], batch.target),
            weights.reduced_weight * own.cost(reduced, batch),
            *features.term(kept),
            *(term(*logits, batch) for term in terms),
        ]
        return torch.stack(parts).sum()

    return Recipe(criterion, own.pretraining)


def _terms(ingredients: Ingredients) -> Iterator[Term]:
    """The terms of logits alone."""
    if ingredients.distillation.enabled:
        yield distilled(ingredients.distillation)
    if ingredients.ranking.enabled:
        yield ranked(ingredients.ranking, ingredients.loss)


@dataclass(frozen=True, eq=False)
class _Own:
    """What a network is trained with by itself.

    Attributes:
        cost: of its output for the reduced image, and the batch.
        pretraining: the training that comes before.
    """

    cost: Callable[[Any, Batch], Tensor]
    pretraining: Stage | None = None

    @classmethod
    def of(cls, ingredients: Ingredients) -> _Own:
        name, loss = ingredients.model.name, ingredients.loss
        needed = find_model(name).criterion or "supervised"
        if needed == "unified":
            return cls(end_to_end(ingredients.model.unified, loss), unified(ingredients).pretraining)
        if needed == "supervised":
            return cls(lambda output, batch: loss(output, batch.target))
        raise ValueError(
            f"model.name: {name} is trained with the criterion {needed}, which says nothing of pairs; "
            "disable cotraining, distillation and ranking, or choose another model"
        )


def _halves(output: Logits | Unified) -> Iterator[Any]:
    """The output for the batch's first half, then that for its second half; per part where there are several."""
    if isinstance(output, Tensor):
        yield from output.chunk(2)
        return
    pairs: Sequence[Sequence[Tensor]] = [part.chunk(2) for part in output]
    for half in range(2):
        parts = [pair[half] for pair in pairs]
        yield Unified(*parts) if isinstance(output, Unified) else parts


def _logits(output: Any) -> Logits:
    logits: Logits = output.logits if isinstance(output, Unified) else output
    return logits
