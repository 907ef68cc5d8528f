"""A convolution whose kernels differ from sample to sample, as fast as one whose kernels do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

SLAB_BYTES = 6_000_000  # of output: stays in the cache, and in memory that the allocator keeps at hand


def convolve_samples(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...], padding: tuple[int, ...]
) -> Tensor:
    """Each sample convolved with its own kernels, `[N, v, (D,) H, W]`; on CPUs channels last.

    A 2D convolution may get several rows of each sample: N = B R, sample b in rows b R to (b + 1) R - 1.

    On CPUs each sample goes through slab by slab, and what a slab gives is copied into the result while it is in
    the cache: beside a static convolution that costs nothing (`python -m benchmarks.head`), where joining the
    samples' results costs half as much again. One grouped convolution over the batch, as in the published code of
    ModDrop++ (Liu 2022), cannot keep channels last and takes three times as long.

    Args:
        x: `[N, u, (D,) H, W]`.
        weight: `[B, v, u, (kD,) kH, kW]`.
        bias: `[B, v]`.
        stride: along each axis.
        padding: zeros on both sides of each axis.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        biases = [None] * len(weight) if bias is None else bias
        convolve = F.conv3d if x.ndim == 5 else F.conv2d
        parts = zip(x.chunk(len(weight)), weight, biases, strict=True)
        return torch.cat([convolve(rows, w, b, stride, padding) for rows, w, b in parts])
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if x.ndim == 5:
        return _volumes(x, weight, bias, stride, padding)
    if len(x) == len(weight):  # lines take the place of slices
        y = _volumes(x[:, :, :, None], weight[:, :, :, :, None], bias, (stride[0], 1, stride[1]), (padding[0], 0, padding[1]))
        return y[:, :, :, 0]
    x = x.unflatten(0, (len(weight), -1)).transpose(1, 2)  # rows take the place of slices
    y = _volumes(x, weight[:, :, :, None], bias, (1, *stride), (0, *padding))
    return y.transpose(1, 2).flatten(0, 1)


def _volumes(x: Tensor, weight: Tensor, bias: Tensor | None, *geometry: tuple[int, ...]) -> Tensor:
    result: Tensor = _ConvolveVolumes.apply(x, weight, bias, *geometry)  # type: ignore[no-untyped-call]
    return result


class _ConvolveVolumes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        y = x.new_empty(_output_shape(x, weight, stride, padding))
        y = torch.empty_like(y, memory_format=torch.channels_last_3d)
        for slab in _slabs(y):
            own = None if bias is None else bias[slab.sample]
            windows = slab.read(x, weight, stride, padding)
            slab.of(y).copy_(F.conv3d(windows, weight[slab.sample], own, stride, (0, *padding[1:])))
        return y
