"""MultiUnet's residual 3D U-Net (Xu et al., MIDL 2024), as its public implementation builds it.

Every convolution is 3×3×3 and, except for the last one, followed by instance normalisation without scale and shift,
dropout and PReLU. A residual unit of the encoder is two such convolutions, the first with the stride; its shortcut
has no weights: the input, average-pooled with the stride, is added to the first channels. The first unit already has
a stride, so that the encoder starts at half the resolution; the last one has none. A stage of the decoder joins the
deeper features and those of the unit at the same resolution, upsamples by nearest neighbour and convolves twice.

With channels 16, 32, 64, 128, 256 and 3 modalities this has 8 899 634 parameters; the paper says 8.90 M. A shortcut
with weights, as in MONAI's `ResidualUnit`, would make it 9.22 M.

Deviations: two logits, 0 and z, whose softmax is the sigmoid of z, in place of one output z; no upsampling and no
averaging along an axis that `models.parts.unet_planning` does not pool.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.multiunet.plan import MultiUNetPlan
from models.parts.blocks import arrange_input
from models.parts.convolution import Conv3d
from models.parts.instance_norm import InstanceNormAct
from models.plan import Size

FEW_VOXELS = 128  # of a sample; below, preparing the kernel of `UpConv3d` costs more time than it saves


class MultiUNet(nn.Module):
    """Residual units down, nearest upsampling and convolutions up, one output."""

    def __init__(self, plan: MultiUNetPlan) -> None:
        super().__init__()
        self.plan = plan
        self.encoder = nn.ModuleList()
        inputs = plan.n_inputs
        for outputs, stride in zip(plan.features, (*plan.strides[1:], (1, 1, 1)), strict=True):
            self.encoder.append(ResidualUnit(inputs, outputs, stride, plan.dropout))
            inputs = outputs
        self.decoder = nn.ModuleList()
        for stage in reversed(range(plan.stages - 1)):
            joined = inputs + plan.features[stage]
            inputs = plan.features[stage - 1] if stage else 1
            self.decoder.append(
                UpStage(joined, inputs, plan.strides[stage + 1], plan.dropout, last=stage == 0)
            )

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, 2, D, H, W]`, the first always 0.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not fit the plan.
        """
        x = arrange_input(x, self.plan)
        skips = []
        for unit in self.encoder:
            x = unit(x)
            skips.append(x)
        for stage, skip in zip(self.decoder, reversed(skips[:-1]), strict=True):
            x = stage(torch.cat((x, skip), 1))
        return torch.cat((torch.zeros_like(x), x), 1)


class ResidualUnit(nn.Module):
    """Two convolutions, the first with the stride, and a shortcut without weights."""

    def __init__(self, inputs: int, outputs: int, stride: Size, dropout: float) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            Conv3d(inputs, outputs, 3, stride, 1),
            *norm_dropout_act(outputs, dropout),
            Conv3d(outputs, outputs, 3, 1, 1),
            *norm_dropout_act(outputs, dropout),
        )
        self.added = min(inputs, outputs)
        self.shortcut = nn.Sequential()
        if max(stride) > 1:
            depth, height, width = (3 if step > 1 else 1 for step in stride)
            window, padding = (depth, height, width), (depth // 2, height // 2, width // 2)
            self.shortcut.append(nn.AvgPool3d(window, stride, padding))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, D, H, W]` to `[B, C', D', H', W']`."""
        y = self.convs(x)
        first = y[:, : self.added] + self.shortcut(x[:, : self.added])
        return torch.cat((first, y[:, self.added :]), 1)


class UpStage(nn.Sequential):
    """Upsampling and two convolutions; with `last` no normalisation and activation after the second."""

    def __init__(self, inputs: int, outputs: int, scale: Size, dropout: float, *, last: bool) -> None:
        super().__init__(
            UpConv3d(inputs, inputs, scale),
            *norm_dropout_act(inputs, dropout),
            Conv3d(inputs, outputs, 3, 1, 1),
            *(() if last else norm_dropout_act(outputs, dropout)),
        )


class UpConv3d(Conv3d):
    """Nearest upsampling by 1 or 2 along each axis, then a convolution with a kernel of 3 and zero padding.

    Upsampled neighbours are equal. Along an axis, a kernel (a, b, c) on them therefore equals the transposed
    convolution of the original voxels with kernel (c, b + c, a + b, a) and stride 2: 64 products a voxel instead of
    216, and no upsampled features to keep. A training step of 32 channels on 24³ voxels took 122 ms instead of 336
    (one core).
    """

    def __init__(self, inputs: int, outputs: int, scale: Size) -> None:
        super().__init__(inputs, outputs, 3, 1, 1)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, D, H, W]` to `[B, C', D', H', W']`."""
        if x[0, 0].numel() < FEW_VOXELS:
            factors = tuple(map(float, self.scale))
            return super().forward(F.interpolate(x, scale_factor=factors, mode="nearest"))
        kernel = self.weight
        for axis, scale in enumerate(self.scale, start=2):
            a, b, c = kernel.unbind(axis)
            kernel = torch.stack((c, b + c, a + b, a) if scale == 2 else (c, b, a), axis)
        return F.conv_transpose3d(x, kernel.transpose(0, 1), self.bias, self.scale, 1)


class InstanceNorm(InstanceNormAct):
    """Instance normalisation without scale and shift."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, activate=False)
        del self.weight, self.bias
        self.register_buffer("weight", torch.ones(channels), persistent=False)
        self.register_buffer("bias", torch.zeros(channels), persistent=False)


def norm_dropout_act(channels: int, dropout: float) -> tuple[nn.Module, ...]:
    """The layers after a convolution: normalisation, dropout, PReLU."""
    return InstanceNorm(channels), nn.Dropout(dropout), nn.PReLU()
