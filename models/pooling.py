"""The transfer layer of the logic LSTM: max pooling over windows as large as the image, from doubling running maxima.

Kobold, thesis, Université Paris-Saclay 2019; Vargas-Ibarra et al., MIDL 2024, equation 12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Window = tuple[int, int]


def transfer(x: Tensor, windows: Sequence[Window]) -> Tensor:
    """Max pooling of each channel with stride 1 at the same size, group i of channels with window i.

    A window p covers the offsets -⌊p/2⌋ … p-1-⌊p/2⌋ along its axis, cut at the edges: what
    `max_pool2d(x, p, stride=1, padding=p // 2)` gives, less its last row and column where p is even. Along each
    axis a window is the maximum of two of about half its size, so it costs its logarithm, exactly.

    Equal maxima: one of them gets the gradient. In double precision, values that agree in all but the last
    ⌈log₂(H W)⌉ bits of the mantissa count as equal in the backward pass.

    Args:
        x: `[..., k, m, H, W]` of any strides: k groups of m channels.
        windows: of the k groups, (height, width), each axis strictly descending, at least 1.
    """
    result: Tensor = _Transfer.apply(x, tuple(windows))  # type: ignore[no-untyped-call]
    return result


class _Transfer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, windows: tuple[Window, ...]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.windows = windows
        out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        scratch: list[Tensor] = []
        for groups, its_windows in _blocks(x, windows):
            scratch = scratch or _buffers(x[groups], 3)
            _pool(x[groups], its_windows, out[groups], scratch)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        voxels = x.shape[-2] * x.shape[-1]
        routed = torch.zeros(x.shape, dtype=gradient.dtype, device=x.device)
        keys: Tensor | None = None
        for groups, windows in _blocks(x, ctx.windows):
            if keys is None:
                keys, *scratch = _buffers(x[groups], 4, torch.float64)
            _write_keys(x[groups], keys)
            position = _pool(keys, windows, keys, scratch).view(torch.int64)
            position.bitwise_and_(_mask(voxels)).clamp_(max=voxels - 1)  # NaN may point anywhere
            routed[groups].flatten(-2).scatter_add_(-1, position.flatten(-2), gradient[groups].flatten(-2))
        return routed, None


def _blocks(x: Tensor, windows: Sequence[Window]) -> Iterator[tuple[Any, Sequence[Window]]]:
    """The groups that are worked on at a time, and their windows: on CPUs one, which stays in the cache."""
    step = 1 if x.device.type == "cpu" else len(windows)
    for first in range(0, len(windows), step):
        groups = slice(first, first + step)
        yield (..., groups, slice(None), slice(None), slice(None)), windows[groups]


def _buffers(x: Tensor, number: int, dtype: torch.dtype | None = None) -> list[Tensor]:
    return [torch.empty(x.shape, dtype=dtype or x.dtype, device=x.device) for _ in range(number)]


def _write_keys(x: Tensor, keys: Tensor) -> None:
    """Doubles in the order of `x` whose last bits are the position in the image.

    A single (or half) precision number leaves the last 29 bits of a double zero, enough for 2¹⁴ × 2¹⁴ pixels; they
    decide between equal numbers only, so that the largest double says where the largest number is.
    """
    keys.copy_(x)
    height, width = x.shape[-2:]
    bits = keys.view(torch.int64)
    if x.dtype == torch.float64:
        bits.bitwise_and_(~_mask(height * width))
    bits.bitwise_or_(torch.arange(height * width, device=x.device).view(height, width))


def _mask(voxels: int) -> int:
    return int((1 << (voxels - 1).bit_length()) - 1)


def _pool(x: Tensor, windows: Sequence[Window], out: Tensor, scratch: Sequence[Tensor]) -> Tensor:
    rows, first, second = scratch
    _fill(rows, x, [width for _, width in windows], -1, (first, second))
    _fill(out, rows, [height for height, _ in windows], -2, (first, second))
    return out


def _fill(out: Tensor, x: Tensor, windows: Sequence[int], axis: int, scratch: tuple[Tensor, Tensor]) -> None:
    """Running maxima along one axis, shared by all groups until each has reached its window."""
    edge = x.shape[axis]
    whole = sum(window >= 2 * edge - 1 for window in windows)
    if whole:
        out.narrow(-4, 0, whole).copy_(x.narrow(-4, 0, whole).amax(axis, keepdim=True))
    running, covered = x, 1
    free, other = scratch
    for group in reversed(range(whole, len(windows))):
        window = windows[group]
        running = running.narrow(-4, 0, group + 1)
        while 2 * covered < window:
            running = _widen(running, covered, 2 * covered, axis, free.narrow(-4, 0, group + 1))
            covered, free, other = 2 * covered, other, free
        _widen(running.narrow(-4, group, 1), covered, window, axis, out.narrow(-4, group, 1))
        if group > whole:
            running = _widen(running.narrow(-4, 0, group), covered, window, axis, free.narrow(-4, 0, group))
            covered, free, other = window, other, free


def _widen(x: Tensor, covered: int, window: int, axis: int, out: Tensor) -> Tensor:
    """Maxima over `window` from those over `covered`, at least half of it.

    The window is the union of two smaller ones, `before` to the left and `after` to the right. Where one of them
    would be centred beyond the edge, the one at the edge covers what is asked for, and no more.
    """
    before = window // 2 - covered // 2
    after = window - covered - before
    edge = x.shape[axis]

    def part(y: Tensor, start: int, stop: int) -> Tensor:
        return y.narrow(axis, start, stop - start)

    torch.maximum(
        part(x, 0, edge - before - after), part(x, before + after, edge), out=part(out, before, edge - after)
    )
    if before:
        torch.maximum(part(x, 0, 1), part(x, after, after + before), out=part(out, 0, before))
    if after:
        beyond = part(x, edge - after - before, edge - before)
        torch.maximum(beyond, part(x, edge - 1, edge), out=part(out, edge - after, edge))
    return out
