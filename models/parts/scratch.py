"""Buffers that every step of a recurrence reuses."""

from __future__ import annotations

import torch
from torch import Tensor


class Scratch:
    """Tensors by name, shape and type, each allocated once: mapping fresh memory costs as much as writing it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[tuple[object, ...], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The tensor, with the content that its last user left; zeros the first time."""
        key = (name, shape, dtype)
        if key not in self._tensors:
            self._tensors[key] = torch.zeros(shape, dtype=dtype, device=self._device)
        return self._tensors[key]

    def like(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor called `name` with the shape and type of another."""
        return self.take(name, tuple(tensor.shape), tensor.dtype)
