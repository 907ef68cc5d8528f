"""A convolution whose kernels differ from sample to sample, about as fast as one whose kernels do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Of output: more stays neither in the cache nor in memory that the allocator keeps, much less keeps threads waiting.
SLAB_BYTES = 12_000_000


def convolve_samples(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...], padding: tuple[int, ...]
) -> Tensor:
    """Each sample convolved with its own kernels, `[N, v, (D,) H, W]`; channels last on CPUs.

    A 2D convolution may get several rows of each sample: N = B R, sample b in rows b R to (b + 1) R - 1.

    On CPUs each sample goes through slab by slab, and what a slab gives is copied into the result while it is in
    the cache: about as fast as one convolution of the whole batch (`python -m benchmarks.head`), where whole samples
    and one copy took 1.4 times as long. One grouped convolution over the batch, as in the published code of
    ModDrop++ (Liu 2022), cannot have its channels last; it took 3.2 times as long. (Forward and backward, batch 2,
    3 to 32 channels, 96³ or 128³ voxels, two threads.) On other devices it is one convolution for each sample.

    Args:
        x: `[N, u, (D,) H, W]`.
        weight: `[B, v, u, (kD,) kH, kW]`.
        bias: `[B, v]`.
        stride: along each axis.
        padding: zeros on both sides of each axis.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        convolve = F.conv3d if x.ndim == 5 else F.conv2d
        biases = [None] * len(weight) if bias is None else bias.unbind()
        parts = zip(x.chunk(len(weight)), weight, biases, strict=True)
        return torch.cat([convolve(rows, w, b, stride, padding) for rows, w, b in parts])
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        x, weight = x.to(dtype), weight.to(dtype)
        bias = None if bias is None else bias.to(dtype)
    if x.ndim == 5:
        return _convolve_volumes(x, weight, bias, stride, padding)
    if len(x) == len(weight):  # lines take the place of slices
        (down, across), (above, beside) = stride, padding
        x, weight = x.unsqueeze(3), weight.unsqueeze(4)
        return _convolve_volumes(x, weight, bias, (down, 1, across), (above, 0, beside)).squeeze(3)
    x = torch.unflatten(x, 0, (len(weight), -1)).transpose(1, 2)  # rows take the place of slices
    y = _convolve_volumes(x, weight.unsqueeze(3), bias, (1, *stride), (0, *padding))
    return y.transpose(1, 2).flatten(0, 1)


def _convolve_volumes(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, ...], padding: tuple[int, ...]
) -> Tensor:
    """`[B, u, D, H, W]` to `[B, v, D', H', W']`, channels last."""
    result: Tensor = _ConvolveVolumes.apply(x, weight, bias, stride, padding)  # type: ignore[no-untyped-call]
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
        y = _empty_result(x, weight, stride, padding)
        for slab in _slabs(y):
            own_bias = None if bias is None else bias[slab.sample]
            windows = slab.read(x, weight.shape[3], stride[0], padding[0])
            slab.of(y).copy_(F.conv3d(windows, weight[slab.sample], own_bias, stride, (0, *padding[1:])))
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        kernel, stride, padding = weight.shape[3], ctx.stride, ctx.padding
        precise = torch.promote_types(weight.dtype, torch.float32)
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        of_weight = weight.new_zeros(weight.shape, dtype=precise)
        of_bias = weight.new_zeros(weight.shape[:2], dtype=precise) if ctx.biased else None
        for slab in _slabs(gradient):
            of_windows, of_kernel, of_own_bias = torch.ops.aten.convolution_backward(
                slab.of(gradient),
                slab.read(x, kernel, stride[0], padding[0]),
                weight[slab.sample],
                [weight.shape[1]],
                stride,
                (0, *padding[1:]),
                (1, 1, 1),  # dilation
                False,  # transposed
                (0, 0, 0),
                1,  # group
                [of_x is not None, True, ctx.biased],
            )
            of_weight[slab.sample] += of_kernel
            if of_bias is not None:
                of_bias[slab.sample] += of_own_bias
            if of_x is not None:
                slab.add(of_windows, of_x, stride[0], padding[0])
        biases = None if of_bias is None else of_bias.to(weight.dtype)
        return of_x, of_weight.to(weight.dtype), biases, None, None


@dataclass(frozen=True)
class _Slab:
    """Neighbouring slices of one sample's output, as windows that lie one after the other.

    Attributes:
        sample: of the batch.
        start: first slice of the first window.
        length: slices of a window.
        windows: two where there is anything to divide, since torch leaves most single small inputs to a slow kernel.
    """

    sample: int
    start: int
    length: int
    windows: int

    def of(self, y: Tensor) -> Tensor:
        """The windows `[windows, v, length, H', W']` of the output `[B, v, D', H', W']`, without a copy."""
        slices = y[self.sample].narrow(1, self.start, self.length * self.windows)
        return torch.unflatten(slices, 1, (self.windows, self.length)).transpose(0, 1)

    def read(self, x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
        """What the windows are made from, `[windows, u, slices, H, W]`, with zeros beyond the ends."""
        span = (self.length - 1) * stride + kernel
        begin = self.start * stride - padding
        end = begin + (self.windows - 1) * self.length * stride + span
        first, last = _within(begin, end, x.shape[2])
        slices = x[self.sample, :, first:last]
        if last - first < end - begin:
            slices = F.pad(slices, (0, 0, 0, 0, first - begin, end - last))
        windows = slices.unfold(1, span, self.length * stride).permute(1, 0, 4, 2, 3)
        return windows.contiguous(memory_format=torch.channels_last_3d)

    def add(self, windows: Tensor, x: Tensor, stride: int, padding: int) -> None:
        """The reverse of `read`: each window's slices onto those of `x` that it read."""
        for window, slices in enumerate(windows):
            begin = (self.start + window * self.length) * stride - padding
            first, last = _within(begin, begin + slices.shape[1], x.shape[2])
            x[self.sample, :, first:last] += slices[:, first - begin : last - begin]


def _within(begin: int, end: int, slices: int) -> tuple[int, int]:
    """The part of a range that lies in 0 to `slices`."""
    first, last = (min(max(edge, 0), slices) for edge in (begin, end))
    return first, last


def _slabs(y: Tensor) -> Iterator[_Slab]:
    """All of an output `[B, v, D', H', W']`: pairs of windows, and three of one slice where the slices are odd."""
    samples, channels, depth, height, width = y.shape
    most = max(1, SLAB_BYTES // (2 * channels * height * width * y.element_size()))
    last = min(depth, 3) if depth % 2 else 0
    for sample in range(samples):
        start = 0
        while (rest := depth - last - start) > 0:
            length = min(most, rest // 2)
            yield _Slab(sample, start, length, 2)
            start += 2 * length
        if last:
            yield _Slab(sample, start, 1, last)


def _empty_result(x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]) -> Tensor:
    edges = [
        (edge + 2 * pad - kernel) // step + 1
        for edge, kernel, step, pad in zip(x.shape[2:], weight.shape[3:], stride, padding, strict=True)
    ]
    shape = (len(x), weight.shape[1], *edges)
    return torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last_3d)
