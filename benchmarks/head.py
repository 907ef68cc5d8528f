"""`python -m benchmarks.head`: time of a static first convolution, relative to one with ModDrop+'s dynamic head.

Forward and backward pass with batch size 2, 3 modalities, 32 channels and 128×128×128 voxels, on two threads. The
samples have different modalities, so each has its own kernels. Both sides take turns, and the ratio compares their
median times.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time

import torch
from torch import Tensor, nn

from models import Plan
from models.parts.convolution import Conv3d
from models.parts.head import DynamicHead

ROUNDS = 15
CHANNELS = 32
PLAN = Plan(modalities=("DWI", "ADC", "B0"), n_classes=2, patch_size=(128, 128, 128))


class FirstConvolution(nn.Module):
    """The first layer of a network, alone."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = Conv3d(PLAN.n_inputs, CHANNELS, 3, padding=1)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """`[B, M, D, H, W]` to `[B, C, D, H, W]`."""
        features: Tensor = self.convolution(x)
        return features


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(2)
    present = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    x = torch.randn(2, PLAN.n_inputs, *PLAN.patch_size) * present[:, :, None, None, None]
    x = x.contiguous(memory_format=torch.channels_last_3d)  # the memory layout that networks use on a CPU
    gradient = torch.randn(2, CHANNELS, *PLAN.patch_size).contiguous(memory_format=torch.channels_last_3d)
    networks = {"static": FirstConvolution(), "dynamic": DynamicHead(FirstConvolution(), PLAN, "identity")}
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(1 + ROUNDS):
        for name, network in networks.items():
            began = time.perf_counter()
            network(x, present).backward(gradient)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}  # the first warms up
    for name, times in seconds.items():
        print(f"{name}: median {medians[name]:.3f} s {[round(each, 3) for each in times[1:]]}")
    measured_on = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps({"ratio": medians["static"] / medians["dynamic"], "measured_on": measured_on}))


if __name__ == "__main__":
    main()
