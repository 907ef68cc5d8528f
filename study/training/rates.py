"""The optimiser and the learning rate of each epoch.

A decay gives the share of the learning rate that is left at a position between its start (0) and the end of the
training (1), negative before the start. A new decay or optimiser is one function; its name stands in
`study.config.parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from study.config import Trainer
from study.config.parts import find_part

__all__ = ["build_optimizer", "learning_rate", "learns"]

BETA2 = 0.999  # Adam's usual one; no paper names another
ROUNDING = 1e-9  # epoch 7 of 100 has come at decay_from=0.07, though 0.07 * 100 is above 7

Parameters = Iterable[nn.Parameter]
Builder = Callable[[Parameters, Trainer], torch.optim.Optimizer]
Decay = Callable[[Trainer, float], float]


def build_optimizer(network: nn.Module, trainer: Trainer) -> torch.optim.Optimizer:
    """The optimiser that `trainer.optimizer` names, over the parameters that are not frozen; of none, over nothing."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    parameters = parameters or [nn.Parameter(torch.empty(0))]  # torch refuses an empty list
    build: Builder = find_part("optimizers", trainer.optimizer)
    return build(parameters, trainer)


def learns(network: nn.Module) -> bool:
    """Whether a network has parameters that are not frozen."""
    return any(parameter.requires_grad for parameter in network.parameters())


def sgd(parameters: Parameters, trainer: Trainer) -> torch.optim.Optimizer:
    """Stochastic gradient descent with Nesterov momentum where there is momentum (nnU-Net)."""
    momentum = trainer.momentum
    return torch.optim.SGD(
        parameters,
        trainer.learning_rate,
        momentum=momentum,
        weight_decay=trainer.weight_decay,
        nesterov=momentum > 0,
    )


def adam(parameters: Parameters, trainer: Trainer) -> torch.optim.Optimizer:
    """Adam; its weight decay is an L2 penalty."""
    betas, decay = (trainer.beta1, BETA2), trainer.weight_decay
    return torch.optim.Adam(parameters, trainer.learning_rate, betas=betas, weight_decay=decay)


def adamw(parameters: Parameters, trainer: Trainer) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay."""
    betas, decay = (trainer.beta1, BETA2), trainer.weight_decay
    return torch.optim.AdamW(parameters, trainer.learning_rate, betas=betas, weight_decay=decay)


def learning_rate(trainer: Trainer, epoch: int) -> float:
    """The learning rate of a whole epoch: that of the moment at which the epoch begins.

    Over a training of E epochs the decay runs from `decay_from * E` to E. The last epoch begins at E - 1, so that no
    epoch is trained at a rate of 0. An epoch that begins at `decay_from * E` itself still has the full rate with `poly`
    and `linear`, and the lowered rate with `step`.

    Args:
        trainer: rate, epochs and the decay's settings.
        epoch: 0-based.
    """
    first = trainer.decay_from * trainer.epochs
    position = (epoch - first) / (trainer.epochs - first)
    decay: Decay = find_part("decays", trainer.decay)
    return trainer.learning_rate * decay(trainer, position)


def poly(trainer: Trainer, position: float) -> float:
    """(1 - position)^exponent; with decay_from 0 this is nnU-Net's (Isensee et al. 2021)."""
    return float((1 - max(position, 0.0)) ** trainer.poly_exponent)


def linear(trainer: Trainer, position: float) -> float:
    """Constant, then falling in a straight line to 0 (ModDrop++: constant for 100 of 300 epochs; Liu et al. 2022)."""
    return 1 - max(position, 0.0)


def step(trainer: Trainer, position: float) -> float:
    """Lowered once by a factor (MultiUnet: to a tenth from epoch 150 on; Xu et al. 2024)."""
    return trainer.decay_factor if position >= -ROUNDING else 1.0


def none(trainer: Trainer, position: float) -> float:
    """Constant."""
    return 1.0
