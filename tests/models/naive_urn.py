"""The networks of Lau et al. 2019 written down again: fusion as loops, networks as plain functions of a state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

State = Mapping[str, Tensor]


def fused(representations: NDArray[np.float64], present: NDArray[np.bool_], kind: str) -> NDArray[np.float64]:
    """From `[N, M, C, H, W]` and `[N, M]` to `[N, C, H, W]`, number by number."""
    n, _, *rest = representations.shape
    result = np.empty((n, *rest))
    for sample in range(n):
        for index in np.ndindex(*rest):
            values = present_values(representations, present, sample, index)
            if kind == "mean":
                result[(sample, *index)] = math.fsum(values) / len(values)
            else:
                result[(sample, *index)] = math.log(math.fsum(math.exp(v) for v in values) / len(values))
    return result


def variance(representations: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """From `[N, M, C, H, W]` and `[N, M]` to `[N]`, number by number."""
    n, _, *rest = representations.shape
    result = np.empty(n)
    for sample in range(n):
        spreads = []
        for index in np.ndindex(*rest):
            values = present_values(representations, present, sample, index)
            centre = math.fsum(values) / len(values)
            spreads.append(math.fsum((v - centre) ** 2 for v in values) / len(values))
        result[sample] = math.fsum(spreads) / len(spreads)
    return result


def present_values(
    representations: NDArray[np.float64], present: NDArray[np.bool_], sample: int, index: Sequence[int]
) -> list[float]:
    """What the encoders of the present modalities say in one place."""
    column = representations[(sample, slice(None), *index)]
    return [float(value) for value, there in zip(column, present[sample], strict=True) if there]


def normalised(state: State, name: str, x: Tensor, *, training: bool, affine: bool = True) -> Tensor:
    """Batch normalisation of `[N, C, H, W]`."""
    if training:
        mean = x.mean((0, 2, 3), keepdim=True)
        spread = (x - mean).square().mean((0, 2, 3), keepdim=True)
    else:
        mean = state[f"{name}.running_mean"][None, :, None, None]
        spread = state[f"{name}.running_var"][None, :, None, None]
    y = (x - mean) / (spread + 1e-5).sqrt()
    if affine:
        y = y * state[f"{name}.weight"][None, :, None, None] + state[f"{name}.bias"][None, :, None, None]
    return y


def level(state: State, name: str, x: Tensor, *, training: bool) -> Tensor:
    """One convolution of a U-Net."""
    y = F.conv2d(x, state[f"{name}.0.weight"], padding=1)
    y = normalised(state, f"{name}.1", y, training=training)
    return torch.where(y > 0, y, 0.01 * y)


def unet(state: State, name: str, x: Tensor, levels: int, *, training: bool) -> Tensor:
    """`[N, C, H, W]` to `[N, C', H, W]`."""
    skips = []
    for i in range(levels):
        if i > 0:
            n, c, h, w = x.shape
            x = x.reshape(n, c, h // 2, 2, w // 2, 2).amax((3, 5))
        x = level(state, f"{name}.encoder.{i}", x, training=training)
        skips.append(x)
    for i in range(levels - 1):
        weight, bias = state[f"{name}.ups.{i}.weight"], state[f"{name}.ups.{i}.bias"]
        up = torch.einsum("nchw,coij->nohiwj", x, weight)
        n, c, h, _, w, _ = up.shape
        up = up.reshape(n, c, 2 * h, 2 * w) + bias[None, :, None, None]
        x = level(state, f"{name}.decoder.{i}", torch.cat([up, skips[levels - 2 - i]], 1), training=training)
    return pointwise(state, f"{name}.head", x)


def pointwise(state: State, name: str, x: Tensor) -> Tensor:
    """A 1×1 convolution."""
    y = torch.einsum("nchw,oc->nohw", x, state[f"{name}.weight"][:, :, 0, 0])
    return y + state[f"{name}.bias"][None, :, None, None]


def decoder(state: State, name: str, x: Tensor) -> Tensor:
    """Two residual blocks and a 1×1 convolution: `[N, C, H, W]` to `[N, 1, H, W]`."""
    for i in range(2):
        block = f"{name}.{i}"
        y = F.conv2d(x, state[f"{block}.first.weight"], state[f"{block}.first.bias"], padding=1)
        y = torch.where(y > 0, y, 0.01 * y)
        y = F.conv2d(y, state[f"{block}.second.weight"], state[f"{block}.second.bias"], padding=1)
        y = y + (pointwise(state, f"{block}.skip", x) if f"{block}.skip.weight" in state else x)
        x = torch.where(y > 0, y, 0.01 * y)
    return pointwise(state, f"{name}.2", x)


def urn(
    state: State,
    modalities: Sequence[str],
    x: Tensor,
    present: Tensor,
    levels: int,
    kind: str,
    *,
    training: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits `[B, K, D, H, W]`, variance `[B]` and syntheses `[B, M, D, H, W]`."""
    n, _, depth, *_ = x.shape
    pieces: dict[tuple[int, int, str], Tensor] = {}
    for m, name in enumerate(modalities):
        owners = [b for b in range(n) if present[b, m] > 0]
        if owners:
            slices = torch.stack([x[b, m, d] for b in owners for d in range(depth)])[:, None]
            said = unet(state, f"encoders.{name}.0", slices, levels, training=training)
            said = normalised(state, f"encoders.{name}.1", said, training=training, affine=False)
            where = [(b, d, name) for b in owners for d in range(depth)]
            pieces |= dict(zip(where, said, strict=True))
    unified, spreads = [], []
    for b in range(n):
        for d in range(depth):
            there = torch.stack([pieces[b, d, name] for name in modalities if (b, d, name) in pieces])
            mean = there.mean(0)
            unified.append(mean if kind == "mean" else there.exp().mean(0).log())
            spreads.append((there - mean).square().mean())
    rows = torch.stack(unified)
    logits = unet(state, "segmenter", rows, levels, training=training)
    syntheses = torch.cat([decoder(state, f"decoders.{name}", rows) for name in modalities], 1)
    folded = [y.reshape(n, depth, *y.shape[1:]).transpose(1, 2) for y in (logits, syntheses)]
    return folded[0], torch.stack(spreads).reshape(n, depth).mean(1), folded[1]
