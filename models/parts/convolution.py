"""Convolutions whose weight gradients lie in memory as DistributedDataParallel wants them.

With channels-last input torch's own convolutions give the gradient of a weight other strides than the weight has,
along sides of length 1; DDP then copies every gradient.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Conv2d(nn.Conv2d):
    """2D convolution whose weight gradient has the strides of the weight."""

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C', H', W']`."""
        weight = self.weight.flatten(1).view_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class Conv3d(nn.Conv3d):
    """3D convolution whose weight gradient has the strides of the weight."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, D, H, W]` to `[B, C', D', H', W']`."""
        weight = self.weight.flatten(1).view_as(self.weight)
        return F.conv3d(x, weight, self.bias, self.stride, self.padding)
