"""The 2D U-Net that Lau et al. 2019 (arXiv:1908.06683) compare with and build from."""

from __future__ import annotations

from torch import Tensor, nn

from models.parts.plane_unet import UNet2d, fold_slices, unfold_slices
from models.unet2d.plan import UNet2dPlan


class SlicewiseUNet(nn.Module):
    """The baseline of Lau 2019: the 2D U-Net on each slice, all modalities as its input channels."""

    def __init__(self, plan: UNet2dPlan) -> None:
        super().__init__()
        self.plan = plan
        self.unet = UNet2d(plan.n_inputs, plan.n_classes, plan.features)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, K, D, H, W]`.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not fit the plan.
        """
        return unfold_slices(self.unet(fold_slices(x, self.plan)), len(x))
