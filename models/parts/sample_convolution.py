"""A convolution with kernels of each sample's own, about as fast as one with shared kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Steps = tuple[int, ...]


def convolve_samples(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Steps, padding: Steps) -> Tensor:
    """Each sample convolved with its own kernels, `[N, v, (D,) H, W]`.

    A 2D convolution may get several slices of each sample: N = B R, sample b in rows b R to (b + 1) R - 1.

    Each sample has a convolution of its own. Concatenating the results took 0.6 times as long as the convolutions, so
    on CPUs in single precision oneDNN adds each result to its place in one tensor, channels last. One grouped
    convolution over the batch, as in the published code of ModDrop++ (Liu 2022), cannot have channels last on a CPU; it
    took 3.2 times as long. `python -m benchmarks.head` compares with one convolution of the whole batch.

    Args:
        x: `[N, u, (D,) H, W]`.
        weight: `[B, v, u, (kD,) kH, kW]`.
        bias: `[B, v]`.
        stride: along each axis.
        padding: zeros on both sides of each axis.
    """
    if not _adds_in_place(x):
        convolve = F.conv3d if x.ndim == 5 else F.conv2d
        biases = [None] * len(weight) if bias is None else bias.unbind()
        parts = zip(x.chunk(len(weight)), weight, biases, strict=True)
        return torch.cat([convolve(rows, w, b, stride, padding) for rows, w, b in parts])
    if x.ndim == 5:
        return _convolve_volumes(x, weight, bias, stride, padding)
    if len(x) == len(weight):  # lines take the place of slices
        (down, across), (above, beside) = stride, padding
        x, weight = x.unsqueeze(3), weight.unsqueeze(4)
        return _convolve_volumes(x, weight, bias, (down, 1, across), (above, 0, beside)).squeeze(3)
    x = torch.unflatten(x, 0, (len(weight), -1)).transpose(1, 2)  # rows take the place of slices
    y = _convolve_volumes(x, weight.unsqueeze(3), bias, (1, *stride), (0, *padding))
    return y.transpose(1, 2).flatten(0, 1)


def _adds_in_place(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise_")  # not every torch is built with oneDNN
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


def _convolve_volumes(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Steps, padding: Steps
) -> Tensor:
    """`[B, u, D, H, W]` to `[B, v, D', H', W']`, channels last."""
    result: Tensor = _ConvolveVolumes.apply(x, weight, bias, stride, padding)  # type: ignore[no-untyped-call]
    return result


class _ConvolveVolumes(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Steps, padding: Steps
    ) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last_3d)
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        edges = (
            (edge + 2 * pad - kernel) // step + 1
            for edge, kernel, step, pad in zip(x.shape[2:], weight.shape[3:], stride, padding, strict=True)
        )
        shape = (len(x), weight.shape[1], *edges)
        y = torch.empty(shape, dtype=x.dtype, memory_format=torch.channels_last_3d).zero_()
        biases = [None] * len(weight) if bias is None else bias.unbind()
        for into, sample, kernels, own in zip(
            torch.split(y, 1), torch.split(x, 1), weight, biases, strict=True
        ):
            # The operator of torch.compile for a convolution and an addition; the last four: alpha, no activation.
            torch.ops.mkldnn._convolution_pointwise_(
                into, sample, kernels, own, padding, stride, (1, 1, 1), 1, "add", 1.0, None, [], None
            )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        kernel, stride, padding = weight.shape[3], ctx.stride, ctx.padding
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        of_weight = weight.new_zeros(weight.shape)
        of_bias = weight.new_zeros(weight.shape[:2]) if ctx.biased else None
        for slab in _slabs(len(x), gradient.shape[2]):
            of_windows, of_kernels, of_own_bias = torch.ops.aten.convolution_backward(
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
            of_weight[slab.sample] += of_kernels
            if of_bias is not None:
                of_bias[slab.sample] += of_own_bias
            if of_x is not None:
                slab.add(of_windows, of_x, stride[0], padding[0])
        return of_x, of_weight, of_bias, None, None


@dataclass(frozen=True)
class _Slab:
    """Neighbouring slices of one sample's output, as consecutive windows.

    With two windows or more torch uses oneDNN's convolution; for one small sample it has a slow one of its own.

    Attributes:
        sample: index in the batch.
        start: first slice of the first window.
        length: slices of a window.
        windows: number of windows.
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
        """The input of each window, `[windows, u, slices, H, W]`, with zeros beyond the ends."""
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
        """The reverse of `read`: add each window's slices to those of `x` that it read."""
        for window, slices in enumerate(windows):
            begin = (self.start + window * self.length) * stride - padding
            first, last = _within(begin, begin + slices.shape[1], x.shape[2])
            x[self.sample, :, first:last] += slices[:, first - begin : last - begin]


def _within(begin: int, end: int, slices: int) -> tuple[int, int]:
    """The part of a range that lies in 0 to `slices`."""
    first, last = (min(max(edge, 0), slices) for edge in (begin, end))
    return first, last


def _slabs(samples: int, slices: int) -> Iterator[_Slab]:
    """All slices of all samples: two halves, and three windows of one slice where their number is odd."""
    odd = min(slices, 3) if slices % 2 else 0
    half = (slices - odd) // 2
    for sample in range(samples):
        if half:
            yield _Slab(sample, 0, half, 2)
        if odd:
            yield _Slab(sample, 2 * half, 1, odd)
