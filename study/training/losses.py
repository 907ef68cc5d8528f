"""Cross-entropy and soft Dice over several resolutions: nnU-Net's loss (Isensee et al. 2021).

Every term is a mean over samples, so that workers with equal shares of a batch average to the whole batch's
loss and gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["DeepSupervisionLoss", "cross_entropy_minus_dice", "deep_supervision_weights"]

SMOOTH = 1e-5  # nnU-Net's; makes the Dice of an empty target with an empty prediction 1


class DeepSupervisionLoss(nn.Module):
    """Cross-entropy minus soft Dice, as a weighted mean over heads, each against the target at its size."""

    def forward(self, logits: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        """The loss, a scalar, float32.

        Args:
            logits: `[B, 2, D, H, W]`, or one such per resolution, highest first.
            target: uint8 `[B, D, H, W]` at the highest resolution; lower heads get it by nearest neighbour.

        Raises:
            ValueError: there are not two classes.
        """
        heads = [logits] if isinstance(logits, Tensor) else list(logits)
        total = heads[0].new_zeros((), dtype=torch.float32)
        for head, weight in zip(heads, deep_supervision_weights(len(heads)), strict=True):
            if weight > 0:
                total = total + weight * cross_entropy_minus_dice(head, _at_size(target, head.shape[2:]))
            else:  # distributed training wants every output used: a gradient of zeros
                total = total + 0.0 * head.flatten()[0].float()
        return total


def deep_supervision_weights(heads: int) -> tuple[float, ...]:
    """1/2^i for head i, 0 for the last of several, scaled to sum 1 (nnU-Net)."""
    weights = [0.5**i for i in range(heads)]
    if heads > 1:
        weights[-1] = 0.0
    return tuple(weight / sum(weights) for weight in weights)


def cross_entropy_minus_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy minus the mean over samples of the foreground's soft Dice: between -1 and infinity.

    With two classes the foreground's softmax is the logistic function of the difference of the logits, which
    spares the one-hot target and the second channel.

    Args:
        logits: `[B, 2, D, H, W]`, any floating type; computed in float32.
        target: `[B, D, H, W]`, 0 or 1.

    Raises:
        ValueError: there are not two classes.
    """
    if logits.shape[1] != 2:
        raise ValueError(f"logits must have 2 classes (background, foreground), got {logits.shape[1]}")
    margin = logits[:, 1].float() - logits[:, 0].float()
    truth = target.to(margin.dtype)
    cross_entropy = functional.binary_cross_entropy_with_logits(margin, truth)
    probability = margin.sigmoid().flatten(1)
    truth = truth.flatten(1)
    overlap = (probability * truth).sum(1)
    dice = (2 * overlap + SMOOTH) / (probability.sum(1) + truth.sum(1) + SMOOTH)
    return cross_entropy - dice.mean()


def _at_size(target: Tensor, size: torch.Size) -> Tensor:
    """A target `[B, D, H, W]` at another size by nearest neighbour."""
    if target.shape[1:] == size:
        return target
    return functional.interpolate(target[:, None], list(size), mode="nearest-exact")[:, 0]
