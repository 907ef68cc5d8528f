"""ModDrop++'s intra-subject co-training (Liu et al., MICCAI 2022, section 2.3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.parts.first_convolution import find_first_convolution
from models.parts.head import DynamicHead
from models.plan import Plan
from study.training.batches import Batch
from study.training.recipe import Ingredients, Logits, Recipe
from study.training.ssim import structural_similarity

__all__ = ["cotrained"]


def cotrained(ingredients: Ingredients) -> Recipe:
    """α loss(full) + β loss(reduced) - γ SSIM(f, f_i): a subject with all it has, and with what dropout left (eq. 3).

    f and f_i are the first convolution's outputs for the two inputs, with or without a dynamic head. Both inputs pass
    through the network as one batch of twice the size, because distributed training expects one forward pass for each
    backward pass. With instance normalisation this equals two passes; batch normalisation takes its statistics over
    both inputs. A sample of which nothing was dropped is its own pair.

    Deviation: the published code compares features after a ReLU, which other networks do not have there.

    Raises:
        ValueError: no convolution of the network reads all modalities together, or there is only one modality.
    """
    weights, loss = ingredients.cotraining, ingredients.loss
    convolution = _first_convolution(ingredients.network, ingredients.model.name)

    def criterion(model: nn.Module, batch: Batch) -> Tensor:
        with _outputs(convolution) as features:
            logits = model(torch.cat((batch.image, batch.reduced)), torch.cat((batch.present, batch.code)))
        full, reduced = _halves(logits)
        return (
            weights.full_weight * loss(full, batch.target)
            + weights.reduced_weight * loss(reduced, batch.target)
            - weights.similarity_weight * structural_similarity(*features[0].chunk(2))
        )

    return Recipe(criterion)


def _first_convolution(network: nn.Module, name: str) -> nn.Module:
    plan = cast(Plan, network.plan)
    try:
        if plan.n_inputs < 2:
            raise ValueError("it has one modality, which cannot be dropped")
        if isinstance(network, DynamicHead):
            return network.convolution
        return find_first_convolution(network, plan)[1]
    except ValueError as error:
        raise ValueError(
            f"cotraining.enabled: {name} cannot be co-trained: {error}; use cotraining.enabled=false, "
            "or a network that reads all modalities together"
        ) from None


@contextmanager
def _outputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the module returns at each call, before anything changes it in place."""
    outputs: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        outputs.append(output)
        return output.clone()

    hook = module.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        hook.remove()


def _halves(logits: Logits) -> Iterator[Logits]:
    """The logits of the batch's first half, then those of its second half; per head where there are several."""
    if isinstance(logits, Tensor):
        yield from logits.chunk(2)
    else:
        pairs = [head.chunk(2) for head in logits]
        yield from ([pair[half] for pair in pairs] for half in range(2))
