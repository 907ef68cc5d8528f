"""A learned filler in the place of what is not given: a value, or a coarse map, for each modality; our own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.parts.unified import UnifiedNetwork
from models.plan import Plan, Size

__all__ = ["LearnedFiller"]


class LearnedFiller(nn.Module):
    """A network that sees `g x + (1 - g) filler` of each modality, inside the brain.

    g is the modality's code: 1 where it is given, 0 where it is not, and in between while it fades; x comes multiplied
    by g already. Fillers begin at 0, so that the network begins as it is without. Inside is where any modality that is
    given is not 0, as all are 0 outside the brain; there the filler is 0, too. A map has few cells, is interpolated
    linearly between their centres, and lies over the network's window, wherever that lies in the brain.

    The network's parameters keep their names, after `network.`; the filler's own is `values`.

    Args:
        network: any that reads the voxels of all modalities, with a dynamic head or without.
        plan: of the network.
        cells: of the map, along slices, rows and columns; 1, 1, 1 is a single value.
        gradual: whether the network's own code keeps values between 0 and 1 (`head.code=gradual`); else these are 1.

    Raises:
        ValueError: the network reads nothing of modalities that are not given.
    """

    def __init__(self, network: nn.Module, plan: Plan, cells: Size, *, gradual: bool = False) -> None:
        super().__init__()
        if isinstance(network, UnifiedNetwork):
            raise ValueError(
                f"filler.kind: {type(network).__name__} has an encoder for each modality and fuses only those that are "
                "given, so that nothing would read a filler; use filler.kind=none, or another network"
            )
        self.plan = plan
        self.network = network
        self.gradual = gradual
        self.values = nn.Parameter(torch.zeros(plan.n_inputs, *cells))

    def forward(self, x: Tensor, present: Tensor | None = None) -> Any:
        """The network's output for `x` `[B, M, D, H, W]`.

        Args:
            x: absent modalities zero, fading ones multiplied by what is left of them.
            present: `[B, M]`, what is left of each modality; None: all are given.

        Raises:
            ValueError: as the network.
        """
        if present is None:
            return self.network(x, None)
        there = (present > 0).to(x.dtype)
        inside = ((x != 0) & (there > 0)[:, :, None, None, None]).any(1, keepdim=True).to(x.dtype)
        gone = (1 - present.to(x.dtype))[:, :, None, None, None]
        filled = x + gone * inside * self.image(x.shape[2:])
        return self.network(filled, present if self.gradual else there)

    def image(self, size: torch.Size | Size) -> Tensor:
        """The fillers over a window of this size, `[M, D, H, W]`; each side 1 where there is a single cell."""
        image = self.values
        for axis, (cells, length) in enumerate(zip(self.values.shape[1:], size, strict=True), start=1):
            if cells > 1:
                weights = _hats(cells, length, self.values)
                image = torch.tensordot(image, weights, ([axis], [1])).movedim(-1, axis)
        return image


def _hats(cells: int, length: int, like: Tensor) -> Tensor:
    """The weight of each cell at each of `length` voxels, `[length, cells]`: linear between the cells' centres."""
    at = (torch.arange(length, device=like.device, dtype=like.dtype) + 0.5) * (cells / length) - 0.5
    centres = torch.arange(cells, device=like.device, dtype=like.dtype)
    return (1 - (at.clamp(0, cells - 1)[:, None] - centres).abs()).clamp(min=0)
