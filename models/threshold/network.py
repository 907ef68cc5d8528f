"""A rule without training: locally bright in DWI, dark in ADC, as the logits of a network without parameters.

A voxel is in the mask if its smoothed DWI is at least `contrast` times the mean of DWI around it, and its smoothed ADC
is at most `adc`. The logit is the smaller of the two distances from these limits, each in a unit of its own, so that a
probability of 0.5 is the rule itself, and another threshold moves both limits together. Where one of the two images has
no value, as it is absent, the other decides alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.threshold.plan import ThresholdPlan

# In one unit of the logit; our choice. A threshold of 0.9 asks for 1.42 and 0.54 in the place of 1.2 and 0.65.
CONTRAST_UNIT = 0.1
ADC_UNIT = 0.05  # 10⁻³ mm²/s
FARTHEST = 12.0  # logit; a probability of 6e-6
REACH = 3.0  # standard deviations at which Gaussians end
LEAST = 1e-6


class ThresholdRule(nn.Module):
    """The rule of a plan; its only weights are those of the Gaussians, which are not learnt."""

    def __init__(self, plan: ThresholdPlan) -> None:
        super().__init__()
        self.plan = plan
        for axis, spacing in enumerate(plan.spacing_mm):
            self.register_buffer(f"smooth_{axis}", _gaussian(plan.smooth_mm / spacing))
            self.register_buffer(f"local_{axis}", _gaussian(plan.local_mm / spacing))

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, 2, D, H, W]`; that of the background is 0.

        Args:
            x: `[B, M, D, H, W]` as imaging.normalisation=units gives it, 0 where there is no value.
            present: `[B, M]`; not read, since an absent modality has no value anywhere.

        Raises:
            ValueError: `x` has another number of modalities than the plan.
        """
        if x.ndim != 5 or x.shape[1] != self.plan.n_inputs:
            raise ValueError(f"x must be [B, {self.plan.n_inputs}, D, H, W], got shape {list(x.shape)}")
        x = x.float()
        margin = torch.full_like(x[:, :1], FARTHEST)
        known = torch.zeros_like(margin, dtype=torch.bool)
        for name, judge in (("DWI", self._brightness), ("ADC", self._darkness)):
            if name in self.plan.modalities:
                channel = self.plan.modalities.index(name)
                image = x[:, channel : channel + 1]
                inside = image != 0
                margin = torch.where(inside, torch.minimum(margin, judge(image, inside.to(x.dtype))), margin)
                known = known | inside
        margin = torch.where(known, margin, torch.full_like(margin, -FARTHEST)).clamp(-FARTHEST, FARTHEST)
        return torch.cat([torch.zeros_like(margin), margin], dim=1)

    def _brightness(self, image: Tensor, inside: Tensor) -> Tensor:
        local = self._mean(image, inside, "local").clamp(min=LEAST)
        return (self._mean(image, inside, "smooth") / local - self.plan.contrast) / CONTRAST_UNIT

    def _darkness(self, image: Tensor, inside: Tensor) -> Tensor:
        return (self.plan.adc - self._mean(image, inside, "smooth")) / ADC_UNIT

    def _mean(self, image: Tensor, inside: Tensor, kind: str) -> Tensor:
        """The Gaussian mean of what lies inside of the brain."""
        both = torch.cat([image * inside, inside], dim=0)
        for axis in range(3):
            kernel = self.get_buffer(f"{kind}_{axis}")
            shape, padding = [1, 1, 1, 1, 1], [0, 0, 0]
            shape[2 + axis], padding[axis] = kernel.numel(), kernel.numel() // 2
            both = functional.conv3d(both, kernel.reshape(shape), padding=padding)
        total, weight = both.chunk(2, dim=0)
        return total / weight.clamp(min=LEAST)


def _gaussian(deviation: float) -> Tensor:
    """A Gaussian of an odd number of voxels, whose sum is 1."""
    reach = max(math.ceil(REACH * deviation), 0)
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (at / max(deviation, LEAST)) ** 2)
    return weights / weights.sum()
