"""How well a modality that a network is not given is synthesised from those it is given (Lau et al. 2019, table 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.urn import URN
from study.evaluation.subsets import Subset

__all__ = ["SynthesisRow", "psnr_db", "synthesis_psnr"]

SLICES = 16  # that go through the network at a time


class SynthesisRow(NamedTuple):
    """One modality of one subject, synthesised from one subset.

    Attributes:
        subset: what the network is given, `DWI+ADC`.
        modality: what the subject has and the network is not given.
        psnr_db: see `psnr_db`.
    """

    subset: str
    modality: str
    psnr_db: float


def synthesis_psnr(
    network: URN,
    image: NDArray[np.float32],
    owned: Sequence[bool],
    modalities: Sequence[str],
    subsets: Sequence[Subset],
    device: torch.device | str,
) -> list[SynthesisRow]:
    """The peak signal-to-noise ratio of each removed modality of a subject, for each subset; in the order of both.

    Whole slices are synthesised, in single precision. The network is put in evaluation mode meanwhile.

    Args:
        network: on `device`.
        image: `[M, D, H, W]`, normalised, absent modalities zero; any size.
        owned: `[M]`, which modalities the subject has.
        modalities: the names of all M.
        subsets: of what the subject has; one without a removed modality gives no row.
        device: where the network runs.
    """
    given = torch.from_numpy(np.array(image, np.float32))
    rows = []
    training = network.training
    network.eval()
    try:
        for subset in subsets:
            removed = [index for index, there in enumerate(owned) if there and not subset.present[index]]
            if removed:
                synthesised = _synthesise(network, given, subset.present, device)
                rows += [
                    SynthesisRow(subset.name, modalities[index], psnr_db(image[index], synthesised[index]))
                    for index in removed
                ]
    finally:
        network.train(training)
    return rows


def psnr_db(truth: NDArray[np.float32], synthesised: NDArray[np.float32]) -> float:
    """10 log10(range² / mean squared error) over the brain, in dB; arrays are `[D, H, W]`.

    The brain is where the true modality is not 0, and the range is from its lowest to its highest value there. The
    paper does not say which peak it takes. Infinite for equal arrays; nan without a brain or where all of it
    has one value.
    """
    brain = truth != 0
    values = truth[brain].astype(np.float64)
    if not len(values) or values.min() == values.max():
        return math.nan
    error = float(np.mean((values - synthesised[brain]) ** 2))
    return 20 * math.log10(values.max() - values.min()) - 10 * math.log10(error) if error > 0 else math.inf


def _synthesise(
    network: URN, image: Tensor, present: Sequence[bool], device: torch.device | str
) -> NDArray[np.float32]:
    """All modalities `[M, D, H, W]` from some, a few slices at a time.

    Zeros are put at the far sides where the network wants longer ones.
    """
    _, *sides = image.shape[1:]
    rows, columns = (-side % d for side, d in zip(sides, network.plan.divisor[1:], strict=True))
    there = torch.tensor(list(present))
    given = nn.functional.pad(image.where(there[:, None, None, None], 0.0), (0, columns, 0, rows)).to(device)
    code = there[None].to(device)
    with torch.inference_mode():
        parts = [network.synthesise(part[None], code)[0].cpu() for part in torch.split(given, SLICES, 1)]
    return torch.cat(parts, 1)[..., : sides[0], : sides[1]].numpy()
