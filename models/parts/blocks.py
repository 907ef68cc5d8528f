"""Blocks of 3D U-Nets after nnU-Net: convolutions, decoder, initialisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.parts.convolution import Conv3d
from models.parts.instance_norm import SLOPE, InstanceNormAct
from models.parts.unet_planning import UNetPlan
from models.plan import Size


class ConvNormAct(nn.Sequential):
    """Same-size or strided convolution, instance normalisation, leaky ReLU unless `activate` is False."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Size,
        stride: Size = (1, 1, 1),
        *,
        bias: bool = True,
        activate: bool = True,
    ) -> None:
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        super().__init__(
            Conv3d(inputs, outputs, kernel, stride, padding, bias=bias),
            InstanceNormAct(outputs, activate=activate),
        )


def conv_stack(inputs: int, outputs: int, kernel: Size, stride: Size, convs: int) -> nn.Sequential:
    """`convs` blocks, of which the first has the stride."""
    blocks = [ConvNormAct(inputs, outputs, kernel, stride)]
    blocks += [ConvNormAct(outputs, outputs, kernel) for _ in range(convs - 1)]
    return nn.Sequential(*blocks)


class Decoder(nn.Module):
    """From the encoder's feature maps to logits: each resolution upsamples, joins the skip and convolves.

    Upsampling is a transposed convolution. With deep supervision each resolution has its own head (a 1×1×1
    convolution), else only the highest has one.
    """

    def __init__(self, plan: UNetPlan) -> None:
        super().__init__()
        self.ups = nn.ModuleList()
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        for i in reversed(range(plan.stages - 1)):
            channels, stride = plan.features[i], plan.strides[i + 1]
            self.ups.append(nn.ConvTranspose3d(plan.features[i + 1], channels, stride, stride))
            self.stages.append(
                conv_stack(2 * channels, channels, plan.kernel_sizes[i], (1, 1, 1), plan.convs_decoder[i])
            )
            if plan.deep_supervision or i == 0:
                self.heads.append(Conv3d(channels, plan.n_classes, 1))

    def forward(self, skips: Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Logits `[B, K, D, H, W]`; in training with deep supervision a list, highest resolution first.

        Args:
            skips: the encoder's feature maps `[B, C, D, H, W]`, highest resolution first.
        """
        x = skips[-1]
        decoded = []
        for up, stage, skip in zip(self.ups, self.stages, reversed(skips[:-1]), strict=True):
            x = stage(torch.cat((up(x), skip), 1))
            decoded.append(x)
        if self.training and len(self.heads) > 1:
            return [head(y) for head, y in zip(self.heads, decoded, strict=True)][::-1]
        logits: Tensor = self.heads[-1](x)
        return logits


def initialise(network: nn.Module) -> None:
    """He's normal initialisation for the leaky ReLU, biases zero (nnU-Net)."""
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def arrange_input(x: Tensor, plan: UNetPlan) -> Tensor:
    """The input in the memory order in which convolutions are fastest: channels last on CPUs.

    Raises:
        ValueError: the channels are not the plan's, or the size cannot be pooled.
    """
    channels, *edges = x.shape[1:]
    if channels != plan.n_inputs or any(edge % d for edge, d in zip(edges, plan.divisor, strict=True)):
        raise ValueError(
            f"input must be [B, {plan.n_inputs}, D, H, W] with D, H, W divisible by {list(plan.divisor)}, "
            f"got {list(x.shape)}"
        )
    return x.contiguous(memory_format=torch.channels_last_3d) if x.device.type == "cpu" else x
