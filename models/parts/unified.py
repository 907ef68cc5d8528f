"""What the criterion of a unified representation reads of a network (Lau et al. 2019, arXiv:1908.06683)."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Unified(NamedTuple):
    """The output of the network in training.

    Attributes:
        logits: `[B, K, D, H, W]`.
        variance: `[B]`, how much the encoders of a sample's modalities differ.
        syntheses: `[B, M, D, H, W]`, every modality from the unified representation, given or not.
    """

    logits: Tensor
    variance: Tensor
    syntheses: Tensor


@runtime_checkable
class UnifiedNetwork(Protocol):
    """A network that returns `Unified` in training until its representation is frozen."""

    def freeze(self) -> None:
        """Keep encoders and decoders as they are from now on, running statistics too; only the segmentation learns."""
        ...
