"""The cost of a network, measured by running it: parameters, operations, and memory of a training step."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Cost", "measure"]

Shape = tuple[int, ...]


class Cost(NamedTuple):
    """The cost of a training's forward pass, for one input in single precision.

    Attributes:
        parameters: number of the network's parameters.
        flops: multiplications and additions in matrix products, convolutions and attention.
        activation_bytes: memory kept for the backward pass, besides weights and input.
        peak_bytes: peak memory of forward and backward pass on a GPU, with weights and gradients; None elsewhere.
    """

    parameters: int
    flops: int
    activation_bytes: int
    peak_bytes: int | None = None


def measure(build: Callable[[], nn.Module], shape: Sequence[int], device: torch.device) -> Cost:
    """The cost of a network on one input.

    On a GPU the network runs. Elsewhere its operations are traced without being computed (torch's fake tensors), on
    the paths that the device would take, which costs neither time nor memory; a network whose control flow depends on
    values runs there, too.

    Args:
        build: gives the network.
        shape: of the input `[B, M, D, H, W]`.
        device: of the network.

    Raises:
        ValueError: the input does not fit the network.
    """
    if device.type == "cuda":
        return _run(build, shape, device)._replace(peak_bytes=_peak(build, shape, device))
    try:
        with FakeTensorMode():
            return _run(build, shape, device)
    except (DataDependentOutputException, DynamicOutputShapeException):
        return _run(build, shape, device)


def _run(build: Callable[[], nn.Module], shape: Sequence[int], device: torch.device) -> Cost:
    network, x = _network_and_input(build, shape, device)
    with (
        _Allocations() as allocations,
        FlopCounterMode(display=False, custom_mapping=UNCOUNTED) as operations,
    ):
        output = network(x)
    gc.collect()
    kept = allocations.kept_bytes([x, *network.parameters(), *network.buffers()])
    del output  # kept alive until here, as until a backward pass
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, operations.get_total_flops(), kept)


def _peak(build: Callable[[], nn.Module], shape: Sequence[int], device: torch.device) -> int:
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    network, x = _network_and_input(build, shape, device)
    outputs = [leaf for leaf in tree_leaves(network(x)) if isinstance(leaf, Tensor)]
    torch.stack([output.mean() for output in outputs]).sum().backward()  # type: ignore[no-untyped-call]
    return torch.cuda.max_memory_allocated(device) - before


def _network_and_input(
    build: Callable[[], nn.Module], shape: Sequence[int], device: torch.device
) -> tuple[nn.Module, Tensor]:
    with device:
        return build().train(), torch.rand(*shape)


def _attention_flops(query: Shape, key: Shape, value: Shape, *args: Any, **settings: Any) -> int:
    *parallel, queries, channels = query
    keys, outputs = value[-2:]
    return 2 * math.prod(parallel) * queries * keys * (channels + outputs)


UNCOUNTED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}
"""Operations that torch's counter leaves out."""


class _Allocations(TorchDispatchMode):
    """Records the memory that operations allocate.

    Hooks on the tensors that autograd saves would miss those held by recomputed parts and by custom functions.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                memory = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self._seen.setdefault(storage._cdata, (memory, storage.nbytes()))
        return result

    def kept_bytes(self, others: Sequence[Tensor]) -> int:
        """Bytes that were allocated and are still alive, besides the memory of `others`."""
        known = {tensor.untyped_storage()._cdata for tensor in others}
        alive = (
            size
            for key, (memory, size) in self._seen.items()
            if key not in known and not memory.expired()  # type: ignore[no-untyped-call]
        )
        return sum(alive)
