"""The convolution of a network that reads its input."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from models.plan import Plan

__all__ = ["Convolution", "find_first_convolution"]

Convolution = nn.Conv2d | nn.Conv3d


def find_first_convolution(network: nn.Module, plan: Plan) -> tuple[str, Convolution]:
    """The convolution that is called first, and its name, such as `encoder.0.0.0`.

    The network runs on zeros of the plan's patch in evaluation mode, up to that convolution and no further.

    Args:
        network: on any device, "meta" included.
        plan: of the network.

    Raises:
        ValueError: there is none, or it does not read all modalities together; the text gives only the reason.
    """
    device = next(network.parameters()).device
    x = torch.zeros(1, plan.n_inputs, *plan.patch_size, device=device)
    # A network may read the values of `present`, which the meta device does not have.
    present = torch.ones(1, plan.n_inputs, device="cpu" if device.type == "meta" else device)
    hooks = [
        module.register_forward_pre_hook(partial(_stop, name))
        for name, module in network.named_modules()
        if isinstance(module, Convolution)
    ]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(x, present)
    except _ReachedError as reached:
        _check(reached.convolution, plan.n_inputs)
        return reached.name, reached.convolution
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    raise ValueError("it has no convolution")


class _ReachedError(Exception):
    """Ends the run at the first convolution."""

    def __init__(self, name: str, convolution: Convolution) -> None:
        super().__init__(name)
        self.name = name
        self.convolution = convolution


def _stop(name: str, convolution: Convolution, inputs: tuple[Tensor, ...]) -> None:
    raise _ReachedError(name, convolution)


def _check(convolution: Convolution, modalities: int) -> None:
    """Raise ValueError unless the input channels are those of all modalities, or of several slices of each."""
    together = convolution.in_channels // convolution.groups
    if together % modalities:
        raise ValueError(f"its first convolution reads {together} of {modalities} modalities")
