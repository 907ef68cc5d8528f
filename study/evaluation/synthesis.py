"""How well a network synthesises a modality that it is not given (Lau et al. 2019, table 2)."""

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

__all__ = ["SynthesisScore", "psnr_db", "synthesis_psnr"]

SLICES = 16  # slices in a batch


class SynthesisScore(NamedTuple):
    """One modality of one subject, synthesised from one availability subset.

    Attributes:
        availability: the modalities that the network is given.
        modality: a modality that the subject has and the network is not given.
        psnr_db: see `psnr_db`.
    """

    availability: Availability
    modality: str
    psnr_db: float


def synthesis_psnr(
    network: Synthesiser, image: NDArray[np.float32], subsets: Sequence[Availability], runtime: Runtime
) -> list[SynthesisScore]:
    """The peak signal-to-noise ratio of each removed modality of a subject, for each subset; in the order of both.

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
                        ratio = psnr_db(image[index], synthesised[index])
                        scores.append(SynthesisScore(availability, name, ratio))
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
    if not len(values) or values.min() == values.max():
        return math.nan
    error = float(np.mean((values - synthesised[brain]) ** 2))
    return 20 * math.log10(values.max() - values.min()) - 10 * math.log10(error) if error > 0 else math.inf


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
