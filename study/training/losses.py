"""Losses of a segmentation at one or several resolutions; `trainer.loss` names the term.

Every term is a mean over samples, so that workers with equal shares of a batch average to the whole batch's loss and
gradient. With two classes, the foreground's softmax is the logistic function of the margin, the difference of the two
logits; terms of the margin need neither a one-hot target nor the second channel. A new term is one function, from the
margin `[B, D, H, W]`, the truth of the same shape and type, and the trainer's section to a scalar; its name stands in
`study.config.parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from study.config import Trainer
from study.config.parts import find_part

__all__ = ["SegmentationLoss", "deep_supervision_weights", "segmentation_loss"]

SMOOTH = 1e-5  # nnU-Net's; makes the Dice of an empty target with an empty prediction 1

Term = Callable[[Tensor, Tensor, Trainer], Tensor]


def segmentation_loss(trainer: Trainer) -> SegmentationLoss:
    """The loss that `trainer.loss` names, as a module: `(logits, target) -> scalar`."""
    return SegmentationLoss(find_part("losses", trainer.loss), trainer)


class SegmentationLoss(nn.Module):
    """A term as a weighted mean over heads, each against the target at its size (nnU-Net's deep supervision).

    Args:
        term: from margin, truth and settings to a scalar.
        trainer: the term's settings.
    """

    def __init__(self, term: Term, trainer: Trainer) -> None:
        super().__init__()
        self.term = term
        self.trainer = trainer

    def forward(self, logits: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        """The loss, a scalar, at least in float32.

        Args:
            logits: `[B, 2, D, H, W]` of any floating type, or one such per resolution, highest first.
            target: `[B, D, H, W]`, 0 or 1, at the highest resolution; lower heads get it by nearest neighbour.

        Raises:
            ValueError: there are not two classes.
        """
        heads = [logits] if isinstance(logits, Tensor) else list(logits)
        parts = []
        for head, weight in zip(heads, deep_supervision_weights(len(heads)), strict=True):
            margin = _margin(head)
            if weight > 0:
                truth = _at_size(target, head.shape[2:]).to(margin.dtype)
                parts.append(weight * self.term(margin, truth, self.trainer))
            else:  # distributed training expects every output to be used: a gradient of zeros
                parts.append(0.0 * margin.flatten()[0])
        return torch.stack(parts).sum()


def deep_supervision_weights(heads: int) -> tuple[float, ...]:
    """1/2^i for head i, but 0 for the last of several, scaled to a sum of 1 (nnU-Net)."""
    weights = [0.5**i for i in range(heads)]
    if heads > 1:
        weights[-1] = 0.0
    return tuple(weight / sum(weights) for weight in weights)


def _margin(logits: Tensor) -> Tensor:
    """Foreground minus background, `[B, D, H, W]`, at least in float32."""
    if logits.shape[1] != 2:
        raise ValueError(f"logits must have 2 classes (background, foreground), got {logits.shape[1]}")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return logits[:, 1] - logits[:, 0]


def _at_size(target: Tensor, size: torch.Size) -> Tensor:
    """A target `[B, D, H, W]` at another size by nearest neighbour."""
    if target.shape[1:] == size:
        return target
    return functional.interpolate(target[:, None], list(size), mode="nearest-exact")[:, 0]


def cross_entropy(margin: Tensor, truth: Tensor, trainer: Trainer) -> Tensor:
    """Mean over voxels, from 0 to infinity."""
    return functional.binary_cross_entropy_with_logits(margin, truth)


def _soft_dice(margin: Tensor, truth: Tensor) -> Tensor:
    """The foreground's soft Dice of each sample, averaged: from 0 to 1."""
    probability, truth = margin.sigmoid().flatten(1), truth.flatten(1)
    overlap = (probability * truth).sum(1)
    return ((2 * overlap + SMOOTH) / (probability.sum(1) + truth.sum(1) + SMOOTH)).mean()


def dice(margin: Tensor, truth: Tensor, trainer: Trainer) -> Tensor:
    """1 minus soft Dice, from 0 to 1 (MultiUnet, Xu et al. 2024)."""
    return 1 - _soft_dice(margin, truth)


def cross_entropy_minus_dice(margin: Tensor, truth: Tensor, trainer: Trainer) -> Tensor:
    """Cross-entropy minus soft Dice, from -1 to infinity (nnU-Net, Isensee et al. 2021)."""
    return cross_entropy(margin, truth, trainer) - _soft_dice(margin, truth)


def focal(margin: Tensor, truth: Tensor, trainer: Trainer) -> Tensor:
    """-α_t (1 - p_t)^γ log p_t, mean over voxels (Lin et al. 2017, eq. 5).

    α_t is α in the foreground and 1 - α in the background. Deviation: Lin et al. divide the sum by the number of
    foreground anchors, which is 0 for the many patches without a lesion. The power is computed as exp(γ log(1 - p_t)),
    whose gradient stays finite where p_t rounds to 1.
    """
    towards_truth = margin * (2 * truth - 1)
    weight = (1 - trainer.focal_alpha) + (2 * trainer.focal_alpha - 1) * truth
    modulation = (trainer.focal_gamma * functional.logsigmoid(-towards_truth)).exp()
    return -(weight * modulation * functional.logsigmoid(towards_truth)).mean()
