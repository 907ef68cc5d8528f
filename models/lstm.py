"""The thrombus networks: (Up)(Att)LLSTM and (Up)(Att)CLSTM (Vargas-Ibarra et al., MIDL 2024 and its successor)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import CrossAttention
from models.recurrent import RecurrentPart
from models.stack_planning import AttentionPlan, StackPlan
from models.upsampling import UpBlock


class LSTMNet(nn.Module):
    """CLSTM or LLSTM on its own: a 5×5 convolution of all modalities, ELU, the recurrent part."""

    def __init__(self, plan: StackPlan) -> None:
        super().__init__()
        self.plan = plan
        self.stem = nn.Conv2d(plan.n_inputs, plan.channels, 5, padding=2)
        self.recurrent = RecurrentPart(plan)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        slices = fold(x, self.plan)
        features = F.elu(self.stem(slices), inplace=True)
        return unfold(self.recurrent(features, x.shape[2]), x)


def fold(x, plan):
    return x.transpose(1, 2).flatten(0, 1)

def unfold(logits, x):
    return logits.unflatten(0, (len(x), -1)).transpose(1, 2)

class AttLSTM(nn.Module):
    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__()
        self.plan = plan
        self.attention = CrossAttention(plan)
        self.smooth = nn.Conv2d(plan.channels, plan.channels, 7, padding=3)
        self.recurrent = RecurrentPart(plan)
        self.d=[plan.modalities.index(plan.dwi)]
        self.s=[plan.modalities.index(m) for m in plan.susceptibility]

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        slices = fold(x, self.plan)
        f = self.attention(slices[:, self.d], slices[:, self.s])
        l = self.recurrent(F.elu(self.smooth(f)), x.shape[2])
        l = F.interpolate(l, scale_factor=4, mode='bilinear')
        return unfold(l, x)

class UpAttLSTM(nn.Module):
    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__()
        self.plan = plan
        self.attention = CrossAttention(plan)
        self.up = UpBlock(len(plan.susceptibility), plan.channels, plan.patch_dwi//plan.patch_swan)
        self.up = UpBlock(len(plan.susceptibility), plan.channels, plan.patch_swan)
        self.recurrent = RecurrentPart(plan)
        self.d=[plan.modalities.index(plan.dwi)]
        self.s=[plan.modalities.index(m) for m in plan.susceptibility]

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        slices = fold(x, self.plan)
        d, s = slices[:, self.d], slices[:, self.s]
        f = self.up(self.attention(d, s), s)
        return unfold(self.recurrent(f, x.shape[2]), x)
