"""ModDrop++'s intra-subject co-training (Liu et al., MICCAI 2022, section 2.3): both inputs' features are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from models.parts.filler import LearnedFiller
from models.parts.first_convolution import find_first_convolution
from models.parts.head import DynamicHead
from models.plan import Plan
from study.training.recipe import Ingredients
from study.training.ssim import structural_similarity

__all__ = ["FirstFeatures"]


@dataclass(frozen=True, eq=False)
class FirstFeatures:
    """The term - γ SSIM(f, f_i) (eq. 3); f and f_i are the first convolution's outputs for the two inputs.

    With or without a dynamic head. Deviation: the published code compares features after a ReLU, which other networks
    do not have there.

    Attributes:
        convolution: the first of the network; None without co-training.
        weight: γ.
    """

    convolution: nn.Module | None
    weight: float

    @classmethod
    def of(cls, ingredients: Ingredients) -> FirstFeatures:
        """What the settings ask for.

        Raises:
            ValueError: no convolution of the network reads all modalities together, or there is only one modality.
        """
        settings = ingredients.cotraining
        network, name = ingredients.network, ingredients.model.name
        return cls(
            _first_convolution(network, name) if settings.enabled else None, settings.similarity_weight
        )

    @contextmanager
    def kept(self) -> Iterator[Sequence[Tensor]]:
        """Collect what the convolution returns at each call, before anything changes it in place."""
        outputs: list[Tensor] = []
        if self.convolution is None:
            yield outputs
            return

        def keep(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            outputs.append(output)
            return output.clone()

        hook = self.convolution.register_forward_hook(keep)
        try:
            yield outputs
        finally:
            hook.remove()

    def term(self, kept: Sequence[Tensor]) -> list[Tensor]:
        """The term of the loss, from the features of both inputs one after the other; none without co-training."""
        return [-self.weight * structural_similarity(*features.chunk(2)) for features in kept]


def _first_convolution(network: nn.Module, name: str) -> nn.Module:
    plan = cast(Plan, network.plan)
    try:
        if plan.n_inputs < 2:
            raise ValueError("it has one modality, which cannot be dropped")
        if isinstance(network, LearnedFiller):
            network = network.network
        if isinstance(network, DynamicHead):
            return network.convolution
        return find_first_convolution(network, plan)[1]
    except ValueError as error:
        raise ValueError(
            f"cotraining.enabled: {name} cannot be co-trained: {error}; use cotraining.enabled=false, "
            "or a network that reads all modalities together"
        ) from None
