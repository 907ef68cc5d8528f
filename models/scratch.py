"""Memory that is used again at every step of a recurrence."""

from __future__ import annotations

import torch
from torch import Tensor


class Scratch:
    """Tensors by name, each allocated once: to map fresh memory costs as much as to write it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._tensors: dict[str, Tensor] = {}

    def take(
        self, name: str, shape: tuple[int, ...], dtype: torch.dtype, *, zeros: bool = False
    ) -> Tensor:
        """The tensor called `name`, with what was left in it; the first time with anything, or with zeros."""
        tensor = self._tensors.get(name)
        if tensor is None or tensor.shape != shape or tensor.dtype != dtype:
            create = torch.zeros if zeros else torch.empty
            tensor = self._tensors[name] = create(shape, dtype=dtype, device=self._device)
        return tensor
