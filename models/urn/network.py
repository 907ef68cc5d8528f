"""The unified representation network (Lau et al. 2019, arXiv:1908.06683)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.convolution import Conv2d
from models.parts.instance_norm import SLOPE
from models.parts.plane_unet import UNet2d, arrange, fold_slices, initialise, unfold_slices
from models.parts.unified import Unified
from models.urn.plan import URNPlan

__all__ = ["FUSIONS", "URN", "representation_variance"]


class URN(nn.Module):
    """One encoder a modality; a shared representation, which every task reads.

    An encoder is the baseline's 2D U-Net, its channels standardised by a batch normalisation without
    parameters (section 2.3.1). The representations of the present modalities are fused (section 2.3.2); a 2D
    U-Net segments the fused representation, and a decoder for each modality synthesises it (section 2.3.3).

    Encoders and decoders are named after modalities, so that a network for other modalities can take over those of
    shared ones. An encoder runs only on the samples that have its modality: the others enter neither its batch
    statistics nor its gradient. Where no sample has it, its parameters get a gradient of zeros.
    """

    def __init__(self, plan: URNPlan) -> None:
        super().__init__()
        self.plan = plan
        self.encoders = nn.ModuleDict({name: _encoder(plan) for name in plan.modalities})
        self.segmenter = UNet2d(plan.channels, plan.n_classes, plan.features)
        self.decoders = nn.ModuleDict({name: _decoder(plan) for name in plan.modalities})
        initialise(self.decoders)
        self.frozen = False

    def forward(self, x: Tensor, present: Tensor | None = None, *, segment: bool = True) -> Tensor | Unified:
        """Logits `[B, K, D, H, W]`; in training a `Unified`, unless the representation is frozen.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero.
            present: `[B, M]`, above 0 where a modality is present; None: all are.
            segment: False in pre-training, to skip the segmentation: all logits are 0 and give its parameters a
                gradient of zeros.

        Raises:
            ValueError: `x` does not fit the plan, or a sample has no modality.
        """
        slices, there = self._fold(x, present)
        representations = self._encode(slices, there)
        fused = self._fuse(representations, there)
        if not self.training or self.frozen:
            return unfold_slices(self.segmenter(fused), len(x))
        if segment:
            logits = unfold_slices(self.segmenter(fused), len(x))
        else:
            logits = _zero(self.segmenter).expand(len(x), self.plan.n_classes, *x.shape[2:])
        variance = representation_variance(representations, there).view(len(x), -1).mean(1)
        return Unified(logits, variance, self._decode(fused, len(x)))

    def synthesise(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Every modality `[B, M, D, H, W]` from those that are present; arguments and errors as in `forward`."""
        slices, there = self._fold(x, present)
        return self._decode(self._fuse(self._encode(slices, there), there), len(x))

    def freeze(self) -> None:
        """Keep encoders and decoders as they are from now on, running statistics too; only the segmentation learns.

        A network that is rebuilt must be frozen again.
        """
        self.frozen = True
        self.encoders.requires_grad_(False)
        self.decoders.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """As for any module, but frozen parts stay in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.encoders.eval()
            self.decoders.eval()
        return self

    def _fold(self, x: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
        """The slices `[N, M, H, W]` of all samples, and the presence of each one's modalities, bool `[N, M]`."""
        slices = fold_slices(x, self.plan)
        there = slices.new_ones(x.shape[:2], dtype=torch.bool) if present is None else present > 0
        if not there.any(1).all():
            raise ValueError(f"each sample must have at least one modality, got {there.int().tolist()}")
        return slices, there.repeat_interleave(x.shape[2], 0)

    def _encode(self, slices: Tensor, there: Tensor) -> Tensor:
        """The representations `[N, M, C, H, W]`, in single precision or better; 0 for absent modalities."""
        size = (len(slices), self.plan.channels, *slices.shape[2:])
        encoded = []
        for index, name in enumerate(self.plan.modalities):
            encoder, rows = self.encoders[name], there[:, index].nonzero()[:, 0]
            if len(rows) == len(slices):
                encoded.append(_at_least_single(encoder(slices[:, index, None])))
            elif len(rows) > 0:
                some = _at_least_single(encoder(slices[rows, index, None]))
                encoded.append(some.new_zeros(size).index_copy(0, rows, some))
            else:
                encoded.append(_zero(encoder).expand(size))
        return torch.stack(encoded, 1)

    def _fuse(self, representations: Tensor, there: Tensor) -> Tensor:
        return arrange(FUSIONS[self.plan.fusion](representations, there))

    def _decode(self, fused: Tensor, samples: int) -> Tensor:
        slices = torch.cat([self.decoders[name](fused) for name in self.plan.modalities], 1)
        return unfold_slices(slices, samples)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a skip, which is a 1×1 convolution where the channels differ.

    Choices where Lau 2019 is silent: leaky ReLU after the first convolution and after the sum, no normalisation.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Conv2d(inputs, outputs, 3, padding=1)
        self.second = Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Identity() if inputs == outputs else Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C', H, W]`."""
        y = self.second(F.leaky_relu(self.first(x), SLOPE))
        return F.leaky_relu(y + self.skip(x), SLOPE)


def mean(representations: Tensor, present: Tensor) -> Tensor:
    """The mean over present modalities, `[N, C, H, W]`: the generalised f-mean with f(x) = x (eq. 2).

    Args:
        representations: `[N, M, C, H, W]`; finite where a modality is absent.
        present: bool `[N, M]`, at least one in each row.
    """
    return (representations * _shares(present, representations)).sum(1)


def log_mean_exp(representations: Tensor, present: Tensor) -> Tensor:
    """The generalised f-mean with f(x) = exp(x) (eq. 2), without overflow; arguments as in `mean`."""
    absent = ~present[:, :, None, None, None]
    count = present.sum(1).to(representations.dtype)
    summed = representations.masked_fill(absent, -math.inf).logsumexp(1)
    return summed - count.log()[:, None, None, None]


def representation_variance(representations: Tensor, present: Tensor) -> Tensor:
    """Population variance over present modalities, mean over channels and voxels, `[N]`; 0 with one modality.

    The term that keeps encoders alike (section 2.3.2); about the mean, whatever the fusion. Arguments as in `mean`.
    """
    shares = _shares(present, representations)
    centre = (representations * shares).sum(1, keepdim=True)
    return ((representations - centre).square() * shares).sum(1).mean((1, 2, 3))


FUSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mean": mean, "log_mean_exp": log_mean_exp}
"""From representations `[N, M, C, H, W]` and presence, bool `[N, M]`, to `[N, C, H, W]`, per `model.unified.fusion`."""


def _encoder(plan: URNPlan) -> nn.Sequential:
    return nn.Sequential(UNet2d(1, plan.channels, plan.features), nn.BatchNorm2d(plan.channels, affine=False))


def _decoder(plan: URNPlan) -> nn.Sequential:
    channels = plan.decoder_channels
    return nn.Sequential(
        ResidualBlock(plan.channels, channels), ResidualBlock(channels, channels), Conv2d(channels, 1, 1)
    )


def _shares(present: Tensor, like: Tensor) -> Tensor:
    """1 / n for each of the n present modalities, else 0, `[N, M, 1, 1, 1]`."""
    flags = present.to(like.dtype)
    return (flags / flags.sum(1, keepdim=True))[:, :, None, None, None]


def _at_least_single(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _zero(module: nn.Module) -> Tensor:
    """0 with a gradient of zeros for every parameter: distributed training expects one for each."""
    return torch.stack([0 * parameter.flatten()[0] for parameter in module.parameters()]).sum()
