"""ModDrop++'s intra-subject co-training (Liu et al., MICCAI 2022, section 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.first_convolution import find_first_convolution
from models.head import DynamicHead
from models.plan import Plan
from study.config import Config
from study.training.batches import Batch
from study.training.ssim import structural_similarity

__all__ = ["cotraining_objective"]

Logits = Tensor | Sequence[Tensor]


def cotraining_objective(
    config: Config, network: nn.Module, loss: Callable[[Logits, Tensor], Tensor]
) -> Callable[[nn.Module, Batch], Tensor]:
    """α loss(full) + β loss(reduced) - γ SSIM(f, f_i): a subject with all it has, and with what dropout left (eq. 3).

    f and f_i are what the first convolution gives of either, with a dynamic head or without. Both inputs go through
    the network in one pass, as one batch of twice the size, since distributed training wants one pass for each
    backward one. With instance normalisation that equals two passes; batch normalisation then takes its statistics
    over both. A sample of which nothing was dropped is its own pair.

    Deviation: the published code compares features after a ReLU, which other networks do not have there.

    Args:
        config: `cotraining` is read; `model.name` for messages.
        network: as built, without a wrapper for distributed training.
        loss: of logits, or of a list of them, and the target.

    Raises:
        ValueError: the network has no convolution that reads all modalities together, or only one modality.
    """
    weights = config.cotraining
    convolution = _first_convolution(config, network)

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        with _outputs(convolution) as features:
            logits = model(torch.cat((batch.image, batch.reduced)), torch.cat((batch.owned, batch.code)))
        full, reduced = _halves(logits)
        return (
            weights.full_weight * loss(full, batch.target)
            + weights.reduced_weight * loss(reduced, batch.target)
            - weights.similarity_weight * structural_similarity(*features[0].chunk(2))
        )

    return objective


def _first_convolution(config: Config, network: nn.Module) -> nn.Module:
    plan = cast(Plan, network.plan)
    try:
        if plan.n_inputs < 2:
            raise ValueError("it has one modality, which cannot be dropped")
        if isinstance(network, DynamicHead):
            return network.convolution
        return find_first_convolution(network, plan)[1]
    except ValueError as error:
        raise ValueError(
            f"cotraining.enabled: {config.model.name} cannot be co-trained: {error}; use cotraining.enabled=false, "
            "or a network that reads all modalities together, such as model=nnunet"
        ) from None


@contextmanager
def _outputs(module: nn.Module) -> Iterator[list[Tensor]]:
    """What the module gives at each call, untouched by what is done to it in place afterwards."""
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
    """Those of the batch's first half and of its second, each head's where there are several."""
    if isinstance(logits, Tensor):
        yield from logits.chunk(2)
    else:
        pairs = [head.chunk(2) for head in logits]
        yield from ([pair[half] for pair in pairs] for half in range(2))
