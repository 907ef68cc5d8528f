"""The optimiser, and the learning rate of each epoch. A new decay is one function and one line in `DECAYS`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from study.config import Trainer

__all__ = ["DECAYS", "build_optimizer", "learning_rate"]

BETA2 = 0.999  # Adam's usual one; no paper names another
ROUNDING = 1e-9  # epoch 7 of 100 has come at decay_from=0.07, though 0.07 * 100 is above 7

Decay = Callable[[Trainer, float], float]


def build_optimizer(network: nn.Module, trainer: Trainer) -> torch.optim.Optimizer:
    """The optimiser over the parameters that are not frozen; SGD with Nesterov momentum is nnU-Net's."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, decay = trainer.learning_rate, trainer.weight_decay
    if trainer.optimizer == "sgd":
        momentum = trainer.momentum
        return torch.optim.SGD(parameters, rate, momentum=momentum, weight_decay=decay, nesterov=momentum > 0)
    kind = torch.optim.Adam if trainer.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, rate, betas=(trainer.beta1, BETA2), weight_decay=decay)


def learning_rate(trainer: Trainer, epoch: int) -> float:
    """The learning rate of a whole epoch: what the decay says of the moment at which the epoch begins.

    Over a training of E epochs the decay runs from moment `decay_from * E` to moment E. The last epoch begins
    at E - 1, so that no epoch is trained at 0; an epoch that begins at `decay_from * E` itself still has the
    full rate with `poly` and `linear`, and the lowered one with `step`.

    Args:
        trainer: rate, epochs and the decay's settings.
        epoch: 0-based.
    """
    first = trainer.decay_from * trainer.epochs
    position = (epoch - first) / (trainer.epochs - first)
    return trainer.learning_rate * DECAYS[trainer.decay](trainer, position)


def _poly(trainer: Trainer, position: float) -> float:
    """(1 - position)^exponent; from the first epoch on, this is nnU-Net's (Isensee et al. 2021)."""
    return float((1 - max(position, 0.0)) ** trainer.poly_exponent)


def _linear(trainer: Trainer, position: float) -> float:
    """Constant, then in a straight line to 0 (ModDrop++: 100 of 300 epochs constant; Liu et al. 2022)."""
    return 1 - max(position, 0.0)


def _step(trainer: Trainer, position: float) -> float:
    """Once lower by a factor (MultiUnet: a tenth from epoch 150 on; Xu et al. 2024)."""
    return trainer.decay_factor if position >= -ROUNDING else 1.0


def _none(trainer: Trainer, position: float) -> float:
    return 1.0


DECAYS: dict[str, Decay] = {"poly": _poly, "linear": _linear, "step": _step, "none": _none}
"""From a position between the decay's begin (0) and the end of the training (1), negative before, to the share
of the learning rate that is left, per `trainer.decay`."""
