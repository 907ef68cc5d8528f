"""Mirroring at test time: a network sees a window and its mirror images, and its outputs are averaged.

As nnU-Net does (Isensee 2021): every combination of the axes once, each output mirrored back, the plain mean of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor

from study.config import MirrorAxis

__all__ = ["AXES", "mirrored"]

AXES: dict[MirrorAxis, int] = {"head_foot": -3, "front_back": -2, "left_right": -1}
"""Of arrays [D, H, W] in RAS+ orientation."""

Network = Callable[[Tensor], Tensor]


def mirrored(network: Network, axes: Sequence[MirrorAxis]) -> Network:
    """A network that averages over all mirror images of its input; the network itself without axes.

    Args:
        network: [B, M, D, H, W] to [B, C, D, H, W].
        axes: of the head. One along which windows have a single voxel is left out.
    """
    if not axes:
        return network

    def averaged(windows: Tensor) -> Tensor:
        places = [AXES[axis] for axis in axes if windows.shape[AXES[axis]] > 1]
        total = network(windows)
        flips = [flip for count in range(1, len(places) + 1) for flip in combinations(places, count)]
        for flip in flips:
            total = total + torch.flip(network(torch.flip(windows, flip)), flip)
        return total / (len(flips) + 1)

    return averaged
