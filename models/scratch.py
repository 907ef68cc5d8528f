"""Memory that is used again at every step of a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor


class Scratch:
    """Tensors by name, shape and type, each allocated once: to map fresh memory costs as much as to write it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[tuple[object, ...], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The tensor, with what was left in it; zeros the first time."""
        key = (name, shape, dtype)
        if key not in self._tensors:
            self._tensors[key] = torch.zeros(shape, dtype=dtype, device=self._device)
        return self._tensors[key]

    def like(self, name: str, tensor: Tensor) -> Tensor:
        """A tensor called `name` of the shape and type of another."""
        return self.take(name, tuple(tensor.shape), tensor.dtype)
