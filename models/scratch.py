"""Memory that is used again at every step of a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor


class Scratch:
    """Tensors by name, each allocated once: fresh memory of tens of megabytes costs as much as filling it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The tensor called `name`: zeros the first time, then whatever was left in it."""
        tensor = self._tensors.get(name)
        if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
            tensor = self._tensors[name] = torch.zeros(shape, dtype=dtype, device=self._device)
        return tensor
