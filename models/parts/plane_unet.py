"""The 2D U-Net of Lau et al. 2019 (arXiv:1908.06683), and slices of volumes as its batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.convolution import Conv2d
from models.parts.instance_norm import SLOPE
from models.parts.plane_planning import PlanePlan


class UNet2d(nn.Module):
    """Ronneberger's U-Net with one 3×3 convolution at each level, batch normalisation and leaky ReLU.

    Lau 2019, section 2.1; the rest is the original network (Ronneberger 2015): max pooling down, an
    up-convolution that halves the channels, concatenated skips, He's initialisation. Our choices where the papers
    are silent: padded convolutions, so that the output has the size of the input, and a slope of 0.01 for the leaky
    ReLU.

    Args:
        inputs: channels.
        outputs: channels at the input's resolution, from a 1×1 convolution.
        features: channels of each level, highest resolution first.
    """

    def __init__(self, inputs: int, outputs: int, features: Sequence[int]) -> None:
        super().__init__()
        pairs = list(pairwise(features))
        self.encoder = nn.ModuleList([_level(inputs, features[0]), *(_level(a, b) for a, b in pairs)])
        self.ups = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs))
        self.decoder = nn.ModuleList(_level(2 * a, a) for a, _ in reversed(pairs))
        self.head = Conv2d(features[0], outputs, 1)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C', H, W]`; H and W divisible by 2^(levels - 1)."""
        skips = [self.encoder[0](x)]
        for level in self.encoder[1:]:
            skips.append(level(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up, level in zip(self.ups, self.decoder, strict=True):
            x = level(torch.cat((up(x), skips.pop()), 1))
        logits: Tensor = self.head(x)
        return logits


def fold_slices(x: Tensor, plan: PlanePlan) -> Tensor:
    """`[B, M, D, H, W]` as `[B D, M, H, W]`: slice d of sample b in row b D + d; channels last on CPUs.

    Raises:
        ValueError: the channels are not the plan's, or the size cannot be halved at each level.
    """
    channels, *edges = x.shape[1:]
    if channels != plan.n_inputs or any(edge % d for edge, d in zip(edges, plan.divisor, strict=True)):
        raise ValueError(
            f"input must be [B, {plan.n_inputs}, D, H, W] with D, H, W divisible by {list(plan.divisor)}, "
            f"got {list(x.shape)}"
        )
    return arrange(x.transpose(1, 2).flatten(0, 1))


def unfold_slices(slices: Tensor, samples: int) -> Tensor:
    """`[B D, C, H, W]` as `[B, C, D, H, W]`."""
    return torch.unflatten(slices, 0, (samples, -1)).transpose(1, 2)


def arrange(slices: Tensor) -> Tensor:
    """The same `[N, C, H, W]` in the memory order in which convolutions are fastest: channels last on CPUs."""
    return slices.contiguous(memory_format=torch.channels_last) if slices.device.type == "cpu" else slices


def initialise(network: nn.Module) -> None:
    """He's normal initialisation for the leaky ReLU, biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _level(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(SLOPE, inplace=True),
    )
