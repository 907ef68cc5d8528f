"""Sliding-window inference: overlapping windows, blended with Gaussian weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIGMA_SCALE = 0.125  # standard deviation over window size (nnU-Net, Isensee 2021; MONAI's default)
SMALLEST_WEIGHT = 1e-3  # MONAI's floor, so that window corners still count


def predict_probability(
    model: nn.Module,
    image: NDArray[np.float32],
    present: Sequence[bool],
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
    device: torch.device | str,
    *,
    autocast: torch.dtype | None = None,
) -> NDArray[np.float32]:
    """The probability of the target in each voxel [D, H, W], for one availability subset.

    The arguments are those of `predict_subsets`, with one `present` [M].
    """
    maps = predict_subsets(
        model, image, [present], patch_size, overlap, windows_per_batch, device, autocast=autocast
    )
    probability: NDArray[np.float32] = maps[0]
    return probability


def predict_subsets(
    model: nn.Module,
    image: NDArray[np.float32],
    subsets: Sequence[Sequence[bool]],
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
    device: torch.device | str,
    *,
    autocast: torch.dtype | None = None,
) -> NDArray[np.float32]:
    """The probability of the target in each voxel [S, D, H, W], for S availability subsets of one subject.

    Logits are blended, then turned into probabilities. The model is put in eval mode meanwhile.

    Args:
        model: gives logits [B, 2, D, H, W] for images [B, M, D, H, W] and presence [B, M]; on `device`.
        image: [M, D, H, W], normalised; any size, smaller than a window too.
        subsets: [S, M], whether the network is given a modality; channels of others are set to 0.
        patch_size: window in voxels [D, H, W].
        overlap: of neighbouring windows, fraction of the window in [0, 1).
        windows_per_batch: windows that go through the network at a time, each with all subsets.
        device: where the network runs; the image and the sum of windows lie there, too.
        autocast: reduced precision of the network (torch.bfloat16, torch.float16); windows are summed in float32.
    """
    device = torch.device(device)
    given = torch.from_numpy(np.array(image, dtype=np.float32)).to(device)
    code = torch.tensor([list(present) for present in subsets], dtype=torch.float32, device=device)
    there = code[None, :, :, None, None, None] > 0
    precision = torch.autocast(device.type, dtype=autocast) if autocast else nullcontext()

    def odds(windows: Tensor) -> Tensor:
        """The difference of both logits [B, S, D, H, W]: its blend gives what the blended logits' softmax gives."""
        batch = torch.where(there, windows[:, None], 0.0).flatten(0, 1)
        # For a single small image torch leaves the fast convolutions of the CPU, and takes thrice as long.
        padded = batch.expand(2, *batch.shape[1:]) if len(batch) == 1 else batch
        with precision:
            logits = model(padded, code.repeat(len(windows), 1).expand(len(padded), -1))
        difference = logits[: len(batch), 1].float() - logits[: len(batch), 0].float()
        return torch.unflatten(difference, 0, (len(windows), len(code)))

    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            blended = sliding_window(odds, given, patch_size, overlap, windows_per_batch)
            return torch.sigmoid(blended).cpu().numpy()
    finally:
        model.train(training)


def sliding_window(
    network: Callable[[Tensor], Tensor],
    image: Tensor,
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
) -> Tensor:
    """The Gaussian-weighted mean of what a network says on overlapping windows, [C, D, H, W] float32.

    Windows, padding and weights are those of MONAI's `sliding_window_inference(mode="gaussian")`. No window
    is skipped, whatever it holds. A volume that is one window goes through the network once, without weights.

    Args:
        network: [B, M, *patch_size] to [B, C, *patch_size].
        image: [M, D, H, W]; padded with 0 on both sides where it is smaller than a window.
        patch_size: window in voxels.
        overlap: fraction of the window in [0, 1).
        windows_per_batch: windows that go through the network at a time.
    """
    size = image.shape[1:]
    before = [max(patch - length, 0) // 2 for patch, length in zip(patch_size, size, strict=True)]
    padded = _pad(image, patch_size, before)
    if padded.shape[1:] == tuple(patch_size):
        blended = network(padded[None])[0].float()
    else:
        blended = _blend(network, padded, patch_size, overlap, windows_per_batch)
    inner = tuple(slice(start, start + length) for start, length in zip(before, size, strict=True))
    return blended[(slice(None), *inner)]


def _pad(image: Tensor, patch_size: Sequence[int], before: Sequence[int]) -> Tensor:
    sides: list[int] = []
    for start, patch, length in zip(before, patch_size, image.shape[1:], strict=True):
        sides = [start, max(patch - length, 0) - start, *sides]  # torch wants the last axis first
    return nn.functional.pad(image, sides) if any(sides) else image


def _blend(
    network: Callable[[Tensor], Tensor],
    image: Tensor,
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
) -> Tensor:
    weight = _gaussian(patch_size, image.device)
    starts = (_starts(*sides, overlap) for sides in zip(image.shape[1:], patch_size, strict=True))
    windows = [
        tuple(slice(start, start + patch) for start, patch in zip(corner, patch_size, strict=True))
        for corner in product(*starts)
    ]
    total: Tensor | None = None
    weights = image.new_zeros(image.shape[1:])
    for first in range(0, len(windows), windows_per_batch):
        batch = windows[first : first + windows_per_batch]
        outputs = network(torch.stack([image[(slice(None), *window)] for window in batch])).float() * weight
        if total is None:
            total = outputs.new_zeros((outputs.shape[1], *image.shape[1:]))
        for window, output in zip(batch, outputs, strict=True):
            total[(slice(None), *window)] += output
            weights[window] += weight
    if total is None:
        raise ValueError(f"an image must have voxels, got shape {tuple(image.shape)}")
    return total.div_(weights)


def _starts(length: int, patch: int, overlap: float) -> list[int]:
    """Where windows begin along one axis: evenly spaced, the last one flush with the end."""
    step = max(int(patch * (1 - overlap)), 1)
    last = length - patch
    return [*range(0, last, step), last]


def _gaussian(patch_size: Sequence[int], device: torch.device) -> Tensor:
    weight = torch.ones((), device=device)
    for patch in patch_size:
        offset = torch.arange(patch, dtype=torch.float32, device=device) - (patch - 1) / 2
        weight = weight[..., None] * torch.exp(-0.5 * (offset / (SIGMA_SCALE * patch)) ** 2)
    return weight.clamp_(min=max(float(weight.min()), SMALLEST_WEIGHT))
