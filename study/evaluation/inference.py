"""Sliding-window inference: overlapping windows, blended."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from study.config import Blending, MirrorAxis
from study.evaluation.mirroring import mirrored
from study.imaging.windows import Windows
from study.machine.runtime import Runtime

ROUNDING = 1e-9  # steps; 10 * (1 - 0.8) is a little less than 2
SIGMA_SCALE = 0.125  # standard deviation over window size (nnU-Net, Isensee 2021)


def predict_probability(
    model: nn.Module,
    source: Windows,
    present: Sequence[bool],
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
    runtime: Runtime,
    *,
    blending: Blending = "gaussian_logits",
    mirror: Sequence[MirrorAxis] = (),
) -> NDArray[np.float32]:
    """The probability of the target in each voxel [D, H, W], for one availability subset.

    The arguments are those of `predict_subsets`, with one `present` [M].
    """
    maps = predict_subsets(
        model,
        source,
        [present],
        patch_size,
        overlap,
        windows_per_batch,
        runtime,
        blending=blending,
        mirror=mirror,
    )
    probability: NDArray[np.float32] = maps[0]
    return probability


def predict_subsets(
    model: nn.Module,
    source: Windows,
    subsets: Sequence[Sequence[bool]],
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
    runtime: Runtime,
    *,
    blending: Blending = "gaussian_logits",
    mirror: Sequence[MirrorAxis] = (),
) -> NDArray[np.float32]:
    """The probability of the target in each voxel [S, D, H, W], for S availability subsets of one subject.

    The model is in eval mode meanwhile. Windows are summed in float32, whatever the precision of the network.

    Args:
        model: gives logits [B, 2, D, H, W] for images [B, M, D, H, W] and presence [B, M]; on the runtime's device.
        source: normalised arrays of the subject, of any size.
        subsets: [S, M], whether the network is given a modality; channels of others are set to 0.
        patch_size: window in voxels [D, H, W].
        overlap: of neighbouring windows, fraction of the window in [0, 1).
        windows_per_batch: windows that go through the network at a time, each with all subsets.
        runtime: where the network runs, and in which precision; images and sums of windows lie there, too.
        blending: gaussian_logits takes the softmax of the weighted mean of overlapping windows' logits;
            mean_probability is the plain mean of their probabilities.
        mirror: axes along which windows are mirrored; what is blended is averaged over their mirror images.
    """
    device = runtime.device
    given = source.converted(lambda array: torch.from_numpy(np.array(array, dtype=np.float32)).to(device))
    weighted = blending == "gaussian_logits"
    network = mirrored(_Subsets(model, subsets, runtime, weighted=weighted), mirror)
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            blended = sliding_window(
                network, given, patch_size, overlap, windows_per_batch, weighted=weighted
            )
            return (torch.sigmoid(blended) if weighted else blended).cpu().numpy()
    finally:
        model.train(training)


class _Subsets:
    """A network that is applied to all availability subsets of a window at once."""

    def __init__(
        self, model: nn.Module, subsets: Sequence[Sequence[bool]], runtime: Runtime, *, weighted: bool
    ) -> None:
        self._model = model
        self._runtime = runtime
        self._weighted = weighted
        flags = [list(present) for present in subsets]
        self._code = torch.tensor(flags, dtype=torch.float32, device=runtime.device)
        # With a single small image torch leaves the fast convolutions of the CPU and takes three times as long. The
        # slices of a stack are many images.
        self._fewest = 1 if getattr(getattr(model, "plan", None), "sees_stacks", False) else 2

    def __call__(self, windows: Tensor) -> Tensor:
        """What is blended, [B, S, D, H, W]: probabilities, or the difference of both logits.

        The sigmoid of the blended differences is the softmax of the blended logits.
        """
        there = self._code[None, :, :, None, None, None] > 0
        batch = torch.where(there, windows[:, None], 0.0).flatten(0, 1)
        padded = batch.expand(self._fewest, *batch.shape[1:]) if len(batch) == 1 else batch
        with self._precision():
            logits = self._model(padded, self._code.repeat(len(windows), 1).expand(len(padded), -1))
        difference = logits[: len(batch), 1].float() - logits[: len(batch), 0].float()
        blended = difference if self._weighted else torch.sigmoid(difference)
        return torch.unflatten(blended, 0, (len(windows), len(self._code)))

    def _precision(self) -> AbstractContextManager[object]:
        autocast = self._runtime.autocast
        return torch.autocast(self._runtime.device.type, dtype=autocast) if autocast else nullcontext()


def sliding_window(
    network: Callable[[Tensor], Tensor],
    source: Windows,
    patch_size: Sequence[int],
    overlap: float,
    windows_per_batch: int,
    *,
    weighted: bool = True,
) -> Tensor:
    """The mean of a network's outputs on overlapping windows, [C, D, H, W] float32.

    Windows and Gaussian weights are nnU-Net's: windows are evenly spaced, and weights fall to e^-24 at a corner. No
    window is skipped, whatever it holds. A volume that fits into one window goes through the network once, without
    weights.

    Args:
        network: [B, M, *patch_size] to [B, C, *patch_size].
        source: tensors; a volume that is smaller than a window is padded with 0 on both sides.
        patch_size: window in voxels.
        overlap: fraction of the window in [0, 1); windows overlap at least so far.
        windows_per_batch: windows that go through the network at a time.
        weighted: whether weights are Gaussian; otherwise all voxels of a window count alike.
    """
    size = source.shape
    before = [max(patch - length, 0) // 2 for patch, length in zip(patch_size, size, strict=True)]
    padded = [max(patch, length) for patch, length in zip(patch_size, size, strict=True)]
    corners = list(product(*(_starts(*axis, overlap) for axis in zip(padded, patch_size, strict=True))))

    def outputs_at(of: Sequence[tuple[int, ...]]) -> Tensor:
        windows = source.image.new_zeros((len(of), len(source.image), *patch_size))
        for window, corner in zip(windows, of, strict=True):
            source.cut([start - pad for start, pad in zip(corner, before, strict=True)], window)
        return network(windows).float()

    if len(corners) == 1:
        blended = outputs_at(corners)[0]
    else:
        weight = _gaussian(patch_size, source.image.device) if weighted else source.image.new_ones(())
        blended = _blend(outputs_at, corners, padded, patch_size, weight, windows_per_batch)
    inner = tuple(slice(start, start + length) for start, length in zip(before, size, strict=True))
    return blended[(slice(None), *inner)]


def _blend(
    outputs_at: Callable[[Sequence[tuple[int, ...]]], Tensor],
    corners: Sequence[tuple[int, ...]],
    size: Sequence[int],
    patch_size: Sequence[int],
    weight: Tensor,
    windows_per_batch: int,
) -> Tensor:
    total: Tensor | None = None
    weights = weight.new_zeros(*size)
    for first in range(0, len(corners), windows_per_batch):
        batch = corners[first : first + windows_per_batch]
        outputs = outputs_at(batch) * weight
        if total is None:
            total = outputs.new_zeros((outputs.shape[1], *size))
        for corner, output in zip(batch, outputs, strict=True):
            window = tuple(
                slice(start, start + patch) for start, patch in zip(corner, patch_size, strict=True)
            )
            total[(slice(None), *window)] += output
            weights[window] += weight
    if total is None:
        raise ValueError(f"an image must have voxels, got shape {tuple(size)}")
    return total.div_(weights)


def _starts(length: int, patch: int, overlap: float) -> list[int]:
    """Where windows begin along one axis: evenly spaced from flush with one end to flush with the other."""
    last = length - patch
    steps = math.ceil(last / max(patch * (1 - overlap), 1) - ROUNDING)
    return [round(last * step / max(steps, 1)) for step in range(steps + 1)]


def _gaussian(patch_size: Sequence[int], device: torch.device) -> Tensor:
    weight = torch.ones((), device=device)
    for patch in patch_size:
        offset = torch.arange(patch, dtype=torch.float32, device=device) - (patch - 1) / 2
        weight = weight[..., None] * torch.exp(-0.5 * (offset / (SIGMA_SCALE * patch)) ** 2)
    return weight
