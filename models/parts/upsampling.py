"""The upsampling block of Vargas-Ibarra et al., "Multicentric thrombus segmentation", section 4.2.2."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.convolution import Conv2d
from models.parts.instance_norm import InstanceNormAct

DETAILS = 12  # channels of the first convolution; Vargas-Ibarra, section 4.2.2
KERNEL = 7  # of the second; Vargas-Ibarra, section 4.2.2


class UpBlock(nn.Module):
    """X = Norm(ELU(conv7×7 [ReLU(conv3×3 (S)) ‖ Up(F)])): attended features at full resolution, with S's details.

    Our choices, where the paper is silent: Up is nearest neighbour, and Norm normalises each channel of each slice.
    The part of the 7×7 convolution that reads Up(F) is computed on the coarse grid, see `convolve_repeated`.
    """

    def __init__(self, inputs: int, channels: int, ratio: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.details = Conv2d(inputs, DETAILS, 3, padding=1)
        self.merge = nn.Conv2d(DETAILS + channels, channels, KERNEL, padding=KERNEL // 2)
        self.norm = InstanceNormAct(channels, activate=False)

    def forward(self, features: Tensor, susceptibility: Tensor) -> Tensor:
        """Features `[N, d, H, W]`.

        Args:
            features: `[N, d, H / ratio, W / ratio]`, from the attention.
            susceptibility: `[N, C, H, W]`.
        """
        details = F.relu(self.details(susceptibility), inplace=True)
        weight = self.merge.weight
        merged = F.conv2d(details, weight[:, :DETAILS], self.merge.bias, padding=KERNEL // 2)
        merged = merged + convolve_repeated(features, weight[:, DETAILS:], self.ratio)
        normed: Tensor = self.norm(F.elu(merged, inplace=True)[:, :, None])
        return normed[:, :, 0]


def convolve_repeated(x: Tensor, weight: Tensor, ratio: int) -> Tensor:
    """Same-size convolution of nearest-neighbour upsampled `x`, without upsampling it.

    All output pixels of a cell see the same few cells, with sums of the kernel's weights: one small convolution on
    the coarse grid for each of the ratio² positions in a cell. With ratio 4 and a 7×7 kernel, 9 products replace 49.

    Args:
        x: `[N, C, h, w]`.
        weight: `[K, C, k, k]` with odd k.
        ratio: factor of the upsampling.

    Returns:
        `[N, K, h ratio, w ratio]`.
    """
    share = _shares(weight.shape[-1], ratio, weight)
    coarse = torch.einsum("pau,qbv,kcuv->kpqcab", share, share, weight).flatten(0, 2)
    return F.pixel_shuffle(F.conv2d(x, coarse, padding=share.shape[1] // 2), ratio)


def _shares(kernel: int, ratio: int, like: Tensor) -> Tensor:
    """1 where tap u of the kernel, at position p of a cell, falls into the a-th cell: `[ratio, cells, kernel]`."""
    reach = math.ceil(kernel // 2 / ratio)
    positions = torch.arange(ratio, device=like.device)[:, None, None]
    cells = torch.arange(-reach, reach + 1, device=like.device)[None, :, None]
    taps = torch.arange(kernel, device=like.device) - kernel // 2
    return (torch.div(positions + taps, ratio, rounding_mode="floor") == cells).to(like.dtype)
