"""Structural similarity of feature maps (Wang et al., IEEE Transactions on Image Processing 2004)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

__all__ = ["similarity_map", "structural_similarity"]

RADIUS = 5  # of a window of 11 (Liu 2022, section 2.4)
SIGMA = 1.5  # of the window's Gaussian (Wang 2004)
C1 = 0.01**2  # beside the means (Wang 2004), for a dynamic range L = 1
C2 = 0.03**2  # beside the variances (Wang 2004), for L = 1
WEIGHTS = math.fsum(math.exp(-(i**2) / (2 * SIGMA**2)) for i in range(-RADIUS, RADIUS + 1))
VOXELS_AT_ONCE = 2**22


def structural_similarity(first: Tensor, second: Tensor) -> Tensor:
    """The SSIM of two feature maps, mean over voxels, channels and samples: a scalar up to 1, at least float32.

    Each channel of each sample is compared on its own, in 2D or 3D, with a Gaussian window of 11 voxels along each
    axis. As in the published code of ModDrop++, which uses the package pytorch-ssim, windows at the border reach into
    zeros, so that a map may be smaller than a window, and L is 1, by choice: features have no dynamic range of their
    own. Deviation: variances that rounding leaves below 0 count as 0.

    To save memory, intermediate results are recomputed for the gradient, a few channels at a time.

    Args:
        first: `[B, C, (D,) H, W]`, of any floating type.
        second: of the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if first.shape != second.shape:
        raise ValueError(f"both maps must have one shape, got {list(first.shape)} and {list(second.shape)}")
    dtype = torch.promote_types(first.dtype, torch.float32)
    windows = [_window(edge, first.device).to(dtype) for edge in first.shape[2:]]
    one, other = first.flatten(0, 1), second.flatten(0, 1)
    at_once = max(1, VOXELS_AT_ONCE // one[0].numel())
    pairs = zip(torch.split(one, at_once), torch.split(other, at_once), strict=True)
    sums = [
        checkpoint(_summed, x, y, windows, use_reentrant=False, preserve_rng_state=False) for x, y in pairs
    ]
    return torch.stack(sums).sum() / one.numel()


def similarity_map(first: Tensor, second: Tensor) -> Tensor:
    """The SSIM around each voxel of images `[N, (D,) H, W]` of a floating type and a range of 1, each on its own."""
    return _similarity(
        first, second, [_window(edge, first.device).to(first.dtype) for edge in first.shape[1:]]
    )


def _summed(x: Tensor, y: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """The sum of the SSIM of maps `[N, (D,) H, W]`."""
    with torch.autocast(x.device.type, enabled=False):
        return _similarity(x.to(windows[0].dtype), y.to(windows[0].dtype), windows).sum()


def _similarity(x: Tensor, y: Tensor, windows: Sequence[Tensor]) -> Tensor:
    mean_x, mean_y = _blur(x, windows), _blur(y, windows)
    variance_x = (_blur(x * x, windows) - mean_x * mean_x).clamp_min(0)
    variance_y = (_blur(y * y, windows) - mean_y * mean_y).clamp_min(0)
    covariance = _blur(x * y, windows) - mean_x * mean_y
    shared = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    total = (mean_x * mean_x + mean_y * mean_y + C1) * (variance_x + variance_y + C2)
    return shared / total


def _blur(x: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """The window's weighted sum around each voxel of `[N, (D,) H, W]`, axis by axis.

    Along an axis it is a product with a banded matrix, ten times as fast as a convolution of one channel.
    """
    for axis, window in enumerate(windows[:-1], start=1):
        x = (window @ x.flatten(axis + 1)).view(x.shape)
    return x @ windows[-1]


def _window(voxels: int, device: torch.device) -> Tensor:
    """Each voxel's weight in the window around each other along a line, `[voxels, voxels]`, symmetric, float64."""
    line = torch.arange(voxels, dtype=torch.float64, device=device)
    distance = (line[:, None] - line).abs()
    weights = torch.exp(-(distance**2) / (2 * SIGMA**2)) / WEIGHTS
    return weights.masked_fill(distance > RADIUS, 0)
