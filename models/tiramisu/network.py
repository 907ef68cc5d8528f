"""The 2.5D fully convolutional DenseNet ("Tiramisu") that ModDrop++ builds on.

Liu et al., MICCAI 2022; Zhang et al., MICCAI 2019; the network is Jégou et al.'s FC-DenseNet56 (CVPRW 2017). A slice
is predicted from itself and its neighbours, which are stacked as channels. One network sees axial, coronal and
sagittal slices; at test time the probabilities of the three planes are averaged.

With 48 channels first, 5 blocks of 4 layers, growth 12 and one output, as in the public implementation, this has
1 380 049 parameters for 5 modalities (1 377 457 for 3); the paper says 1.38 M. Two logits make it 1 380 242
(1 377 650).

Deviations: two logits in place of one output between -1 and 1; weights begin by He's uniform initialisation
(Jégou 2017), not as N(0, 0.02); slices are padded with 0, which is what our images have outside of the brain.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.convolution import Conv2d
from models.tiramisu.plan import DenseNetPlan


class Tiramisu(nn.Module):
    """FC-DenseNet on stacks of slices, across one axis or each of the three."""

    def __init__(self, plan: DenseNetPlan) -> None:
        super().__init__()
        self.plan = plan
        self.densenet = FCDenseNet(plan)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, K, D, H, W]`.

        In training they come from one of the plan's planes, drawn anew each time: as published the network learns
        from all three, but there a batch mixes them. In evaluation they are the logarithm of the mean of all planes'
        probabilities.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero; of any size.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not have the plan's channels.
        """
        if x.ndim != 5 or x.shape[1] != self.plan.n_inputs:
            raise ValueError(f"input must be [B, {self.plan.n_inputs}, D, H, W], got {list(x.shape)}")
        planes = self.plan.planes
        if len(planes) == 1:
            return self.across(x, planes[0])
        if self.training:
            return self.across(x, planes[int(torch.randint(len(planes), ()))])
        each = torch.stack([self.across(x, axis).log_softmax(1) for axis in planes])
        return each.logsumexp(0) - math.log(len(planes))

    def across(self, x: Tensor, axis: int) -> Tensor:
        """Logits `[B, K, D, H, W]` from slices across one axis (0, 1 or 2) of `x` `[B, M, D, H, W]`."""
        stacks = stack_slices(x, axis, self.plan.slices, 2**self.plan.blocks)
        logits: Tensor = self.densenet(stacks)
        height, width = (side for other, side in enumerate(x.shape[2:]) if other != axis)
        return torch.unflatten(logits[..., :height, :width], 0, (len(x), -1)).movedim(1, 2 + axis)


def stack_slices(x: Tensor, axis: int, slices: int, divisor: int) -> Tensor:
    """Each slice with its neighbours, `[B N, M slices, H', W']` from `[B, M, D, H, W]`.

    Row b N + n is slice n of sample b across the axis; channel m slices + s is its neighbour s - slices // 2 in
    modality m. Neighbours beyond the ends are 0, and so is what pads the sides to a multiple of the divisor.
    """
    x = x.movedim(2 + axis, 1)
    height, width = x.shape[3:]
    reach = slices // 2
    x = F.pad(x, (0, -width % divisor, 0, -height % divisor, 0, 0, reach, reach))
    stacks = x.unfold(1, slices, 1).movedim(-1, 3).flatten(2, 3).flatten(0, 1)
    return stacks.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else stacks


class FCDenseNet(nn.Module):
    """Dense blocks down, transposed convolutions and dense blocks up, a 1×1 convolution to logits (Jégou 2017)."""

    def __init__(self, plan: DenseNetPlan) -> None:
        super().__init__()
        made = plan.growth * plan.layers
        channels = plan.first_channels
        self.first = Conv2d(plan.n_inputs * plan.slices, channels, 3, padding=1)
        self.down = nn.ModuleList()
        self.pool = nn.ModuleList()
        skips = []
        for _ in range(plan.blocks):
            self.down.append(DenseBlock(channels, plan, keep=True))
            channels += made
            self.pool.append(nn.Sequential(*layer(channels, channels, 1, plan.dropout), nn.MaxPool2d(2)))
            skips.append(channels)
        self.bottleneck = DenseBlock(channels, plan, keep=False)
        self.enlarge = nn.ModuleList()
        self.up = nn.ModuleList()
        for block, skip in enumerate(reversed(skips), start=1):
            self.enlarge.append(nn.ConvTranspose2d(made, made, 3, 2))
            self.up.append(DenseBlock(made + skip, plan, keep=block == plan.blocks))
        self.head = Conv2d(made + skips[0] + made, plan.n_classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
                nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, K, H, W]`; H and W divisible by 2 for each block."""
        x = self.first(x)
        skips = []
        for block, pool in zip(self.down, self.pool, strict=True):
            skips.append(block(x))
            x = pool(skips[-1])
        x = self.bottleneck(x)
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            skip = skips.pop()
            height, width = skip.shape[2:]
            x = block(torch.cat((enlarge(x)[..., :height, :width], skip), 1))
        logits: Tensor = self.head(x)
        return logits


class DenseBlock(nn.Module):
    """Layers, each of which reads the input and the outputs of all layers before it.

    Args:
        inputs: channels.
        plan: growth, layers and dropout are read.
        keep: whether the output has the input's channels, too, before those that the layers made.
    """

    def __init__(self, inputs: int, plan: DenseNetPlan, *, keep: bool) -> None:
        super().__init__()
        self.keep = keep
        self.layers = nn.ModuleList(
            nn.Sequential(*layer(inputs + i * plan.growth, plan.growth, 3, plan.dropout))
            for i in range(plan.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C', H, W]`."""
        made: list[Tensor] = []
        for one in self.layers:
            if made:
                x = torch.cat((x, made[-1]), 1)
            made.append(one(x))
        return torch.cat((x, made[-1]) if self.keep else made, 1)


def layer(inputs: int, outputs: int, kernel: int, dropout: float) -> tuple[nn.Module, ...]:
    """Batch normalisation, ReLU, convolution; dropout of whole channels, as in the public implementation."""
    return (
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.Dropout2d(dropout),
    )
