"""nnU-Net's network with residual encoder (Isensee et al., nnU-Net Revisited, MICCAI 2024)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.blocks import ConvNormAct, Decoder, arrange_input, initialise
from models.parts.instance_norm import SLOPE
from models.plan import Size
from models.resenc_unet.plan import ResEncPlan


class ResidualBlock(nn.Module):
    """Two convolutions and a skip, which is average-pooled and projected where the shape changes.

    ResNet-D's block (He et al., Bag of Tricks, CVPR 2019).
    """

    def __init__(self, inputs: int, outputs: int, kernel: Size, stride: Size) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(inputs, outputs, kernel, stride)
        self.conv2 = ConvNormAct(outputs, outputs, kernel, activate=False)
        self.skip = nn.Sequential()
        if max(stride) > 1:
            self.skip.append(nn.AvgPool3d(stride, stride))
        if inputs != outputs:
            self.skip.append(ConvNormAct(inputs, outputs, (1, 1, 1), bias=False, activate=False))

    def start_as_skip(self) -> None:
        """Silence the convolutions at the start, as nnU-Net does."""
        for parameter in self.conv2[1].parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, D, H, W]` to `[B, C', D', H', W']`."""
        return F.leaky_relu_(self.conv2(self.conv1(x)) + self.skip(x), SLOPE)


class ResidualEncoderUNet(nn.Module):
    """U-Net with a stem and residual blocks in the encoder, plain convolutions in the decoder."""

    def __init__(self, plan: ResEncPlan) -> None:
        super().__init__()
        self.plan = plan
        self.stem = ConvNormAct(plan.n_inputs, plan.features[0], plan.kernel_sizes[0])
        self.encoder = nn.ModuleList()
        inputs = plan.features[0]
        for outputs, kernel, stride, blocks in zip(
            plan.features, plan.kernel_sizes, plan.strides, plan.convs_encoder, strict=True
        ):
            stage = nn.Sequential(ResidualBlock(inputs, outputs, kernel, stride))
            for _ in range(blocks - 1):
                stage.append(ResidualBlock(outputs, outputs, kernel, (1, 1, 1)))
            self.encoder.append(stage)
            inputs = outputs
        self.decoder = Decoder(plan)
        initialise(self)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.start_as_skip()

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor | list[Tensor]:
        """Logits `[B, K, D, H, W]`; in training with deep supervision a list, highest resolution first.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not fit the plan.
        """
        x = self.stem(arrange_input(x, self.plan))
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        logits: Tensor | list[Tensor] = self.decoder(skips)
        return logits
