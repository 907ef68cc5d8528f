"""nnU-Net's plain network (Isensee et al., Nature Methods 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from models.nnunet.plan import NNUNetPlan
from models.parts.blocks import Decoder, arrange_input, conv_stack, initialise


class PlainConvUNet(nn.Module):
    """U-Net of convolutions with instance normalisation and leaky ReLU: strided ones down, transposed ones up."""

    def __init__(self, plan: NNUNetPlan) -> None:
        super().__init__()
        self.plan = plan
        inputs = (plan.n_inputs, *plan.features)
        self.encoder = nn.ModuleList(
            conv_stack(
                inputs[i], plan.features[i], plan.kernel_sizes[i], plan.strides[i], plan.convs_encoder[i]
            )
            for i in range(plan.stages)
        )
        self.decoder = Decoder(plan)
        initialise(self)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor | list[Tensor]:
        """Logits `[B, K, D, H, W]`; in training with deep supervision a list, highest resolution first.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not fit the plan.
        """
        x = arrange_input(x, self.plan)
        skips = []
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        logits: Tensor | list[Tensor] = self.decoder(skips)
        return logits
