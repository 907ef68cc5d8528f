"""How well a network synthesises a modality that it is not given: PSNR (Lau et al. 2019, table 2) and SSIM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models import Synthesiser
from study.cohort.availability import Availability
from study.machine.runtime import Runtime
from study.training.ssim import similarity_map

__all__ = ["SynthesisScore", "psnr_db", "ssim", "synthesis_scores"]

SLICES = 16  # slices in a batch


class SynthesisScore(NamedTuple):
    """One modality of one subject, synthesised from one availability subset.

    Attributes:
        availability: the modalities that the network is given.
        modality: a modality that the subject has and the network is not given.
        psnr_db, ssim: see the functions of these names.
    """

    availability: Availability
    modality: str
    psnr_db: float
    ssim: float


def synthesis_scores(
    network: Synthesiser, image: NDArray[np.float32], subsets: Sequence[Availability], runtime: Runtime
) -> list[SynthesisScore]:
    """How well each removed modality of a subject is synthesised, for each subset; in the order of both.

    Whole slices are synthesised, in single precision. The network is in evaluation mode meanwhile.

    Args:
        network: on the runtime's device.
        image: `[M, D, H, W]`, normalised, absent modalities zero; any size.
        subsets: of the subject; one without a removed modality gives no score.
        runtime: where the network runs.
    """
    given = torch.from_numpy(np.array(image, np.float32))
    scores = []
    training = network.training
    network.train(False)
    try:
        for availability in subsets:
            if availability.removed:
                synthesised = _synthesise(network, given, availability.flags, runtime.device)
                for index, name in enumerate(availability.modalities):
                    if name in availability.removed:
                        pair = image[index], synthesised[index]
                        scores.append(SynthesisScore(availability, name, psnr_db(*pair), ssim(*pair)))
    finally:
        network.train(training)
    return scores


def psnr_db(truth: NDArray[np.float32], synthesised: NDArray[np.float32]) -> float:
    """10 log10(range² / mean squared error) over the brain, in dB; arrays are `[D, H, W]`.

    The brain is where the true modality is not 0, and the range is from its lowest to its highest value there; the
    paper does not define the peak. Infinite for equal arrays; nan without a brain, or where it is uniform.
    """
    brain = truth != 0
    values = truth[brain].astype(np.float64)
    extent = _extent(values)
    if not extent > 0:
        return math.nan
    error = float(np.mean((values - synthesised[brain]) ** 2))
    return 20 * math.log10(extent) - 10 * math.log10(error) if error > 0 else math.inf


def ssim(truth: NDArray[np.float32], synthesised: NDArray[np.float32]) -> float:
    """Structural similarity (Wang 2004), the mean over the brain; arrays are `[D, H, W]`.

    Each slice is compared on its own, with a Gaussian window of 11 × 11 voxels. Brain and range are those of `psnr_db`;
    what lies outside of the brain counts as 0 in both, as it is in every image. nan without a brain, or where it is
    uniform.
    """
    brain = truth != 0
    extent = _extent(truth[brain].astype(np.float64))
    if not extent > 0:
        return math.nan
    total = 0.0
    for first in range(0, len(truth), SLICES):
        part = slice(first, first + SLICES)
        inside = brain[part]
        images = (torch.from_numpy(np.where(inside, one[part], 0) / extent) for one in (truth, synthesised))
        total += float(similarity_map(*images)[torch.from_numpy(inside)].sum(dtype=torch.float64))
    return total / int(np.count_nonzero(brain))


def _extent(values: NDArray[np.float64]) -> float:
    """From the lowest to the highest of some values; 0 without any."""
    return float(values.max() - values.min()) if len(values) else 0.0


def _synthesise(
    network: Synthesiser, image: Tensor, present: Sequence[bool], device: torch.device | str
) -> NDArray[np.float32]:
    """All modalities `[M, D, H, W]` from some of them, a few slices at a time.

    Slices are padded with zeros at the far sides to a size that the network takes.
    """
    _, *sides = image.shape[1:]
    rows, columns = (-side % d for side, d in zip(sides, network.plan.divisor[1:], strict=True))
    there = torch.tensor(list(present))
    given = F.pad(image.where(there[:, None, None, None], 0.0), (0, columns, 0, rows)).to(device)
    code = there[None].to(device)
    with torch.inference_mode():
        parts = [network.synthesise(part[None], code)[0].cpu() for part in torch.split(given, SLICES, 1)]
    return torch.cat(parts, 1)[..., : sides[0], : sides[1]].numpy()
