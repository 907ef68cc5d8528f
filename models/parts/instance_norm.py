"""Instance normalisation and leaky ReLU in one step, with a CPU path that keeps channels last."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

EPSILON = 1e-5  # nnU-Net (Isensee 2021)
SLOPE = 0.01  # of the leaky ReLU; nnU-Net (Isensee 2021)


class InstanceNormAct(nn.Module):
    """Affine instance normalisation of `[B, C, D, H, W]`, then leaky ReLU unless `activate` is False.

    GPUs use torch's own operators. On CPUs, convolutions of few channels run up to twice as fast with channels last,
    an order that torch's instance normalisation undoes; the same is therefore computed on `[B, voxels, C]`, which
    makes a training step of a small network 1.1 to 1.5 times as fast.
    """

    def __init__(self, channels: int, *, activate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.slope = SLOPE if activate else None

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, D, H, W]` to the same shape."""
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            result: Tensor = _ChannelsLast.apply(x, self.weight, self.bias, self.slope)  # type: ignore[no-untyped-call]
            return result
        x = F.instance_norm(x, weight=self.weight, bias=self.bias, eps=EPSILON)
        return x if self.slope is None else F.leaky_relu_(x, self.slope)


class _ChannelsLast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: float | None) -> Tensor:
        rows = _to_rows(x)
        mean = _mean(rows)
        variance = _mean((rows - mean).square_())
        inverse_std = (variance + EPSILON).rsqrt_()
        scale = inverse_std * weight
        y = torch.addcmul(bias - mean * scale, rows, scale)
        if slope is not None:
            F.leaky_relu_(y, slope)
        ctx.save_for_backward(rows, y if slope is not None else None, mean, inverse_std, weight)
        ctx.slope = slope
        return _from_rows(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        rows, y, mean, inverse_std, weight = ctx.saved_tensors
        g = _to_rows(gradient)
        if ctx.slope is not None:
            g = torch.ops.aten.leaky_relu_backward(g, y, ctx.slope, True)
        mean_g = _mean(g)
        mean_gx = (_mean(g * rows) - mean * mean_g) * inverse_std  # with x normalised
        scale = inverse_std * weight
        slope_x = -scale * inverse_std * mean_gx
        dx = torch.addcmul(-scale * mean_g - slope_x * mean, rows, slope_x).addcmul_(g, scale)
        voxels = rows.shape[1]
        return _from_rows(dx, gradient), mean_gx.sum((0, 1)) * voxels, mean_g.sum((0, 1)) * voxels, None


def _to_rows(x: Tensor) -> Tensor:
    """`[B, C, D, H, W]` as `[B, voxels, C]`, in single precision or better; no copy where channels are last."""
    rows = x.movedim(1, -1).flatten(1, 3)
    return rows.float() if rows.dtype in (torch.bfloat16, torch.float16) else rows


def _from_rows(rows: Tensor, like: Tensor) -> Tensor:
    batch, channels, *edges = like.shape
    return rows.view(batch, *edges, channels).movedim(-1, 1).to(like.dtype)


def _mean(rows: Tensor) -> Tensor:
    """Mean over voxels, `[B, 1, C]`; over rows of several voxels, since few channels do not fill a vector register."""
    batch, voxels, channels = rows.shape
    several = math.gcd(voxels, 16)
    wide = rows.reshape(batch, voxels // several, several * channels).sum(1)
    return wide.view(batch, several, channels).sum(1, keepdim=True).div_(voxels)
