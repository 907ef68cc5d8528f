"""A network without its numbers: what its state holds, in no memory and in bounded time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

__all__ = ["outline"]

MOST_PARAMETERS = 2**31  # numbers; the largest published segmentation networks have a few hundred million
MOST_TENSORS = 5000  # the deepest of ours has 500; building so many takes half a second


def outline(build: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """The state that a network will have, on torch's meta device.

    Args:
        build: gives the network.

    Raises:
        ValueError: the network cannot be built, or is larger than any that could be trained.
    """
    counted = _Count()
    hook = register_module_parameter_registration_hook(counted)
    try:
        with torch.device("meta"):
            state: dict[str, Tensor] = build().state_dict()
    except ValueError:
        raise
    except (
        Exception
    ) as error:  # a plan can contradict itself in any way, and a plug-in's network can raise anything
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(f"{type(error).__name__}: {reason}") from None
    finally:
        hook.remove()
    return state


class _Count:
    """Counts parameters while a network is built, and stops it beyond all measure."""

    def __init__(self) -> None:
        self._numbers = self._tensors = 0

    def __call__(self, module: nn.Module, name: str, parameter: Any) -> None:
        self._tensors += 1
        self._numbers += 0 if parameter is None else parameter.numel()
        if self._numbers > MOST_PARAMETERS or self._tensors > MOST_TENSORS:
            raise ValueError(
                f"the network has more than {MOST_PARAMETERS:,} parameters or {MOST_TENSORS:,} tensors"
            )
