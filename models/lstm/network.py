"""The thrombus networks: a recurrent part over slices, alone, after cross-attention, or after upsampling.

Vargas-Ibarra et al., "A recurrent network for segmenting the thrombus on brain MRI in patients with hyper-acute
ischemic stroke", MIDL 2024 (LLSTM, CLSTM, AttLLSTM, AttCLSTM), and Vargas-Ibarra et al., "Multicentric thrombus
segmentation using an attention-based recurrent network with gradual modality dropout" (UpAttLLSTM). Whether the
recurrent part is a logic or a convolutional LSTM is `StackPlan.kind`.

The papers report 1 to 3 million parameters, which no reading of their equations gives; the docstrings below count them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.lstm.plan import AttentionPlan, StackPlan
from models.parts.attention import CrossAttention
from models.parts.convolution import Conv2d
from models.parts.logic_layout import Layout
from models.parts.recurrent import CLSTMCell, LLSTMCell
from models.parts.upsampling import UpBlock


class RecurrentPart(nn.Module):
    """A stack's slices one after another through a cell, twice, and a 1×1 convolution of h to the classes.

    The first pass starts from zeros; the second starts from the last state of the first, and the prediction reads
    its h (Kobold 2019). With `second_pass=reverse` it runs from the last slice to the first; with `none` the prediction
    reads the h of the first pass.
    """

    def __init__(self, plan: StackPlan) -> None:
        super().__init__()
        self.second_pass, self.recompute = plan.second_pass, plan.recompute
        self.cell: CLSTMCell | LLSTMCell
        if plan.kind == "clstm":
            self.cell = CLSTMCell(plan.channels, plan.conv_channels, plan.kernel_size)
        else:
            layout = Layout(plan.conv_channels, plan.windows, plan.multiplicity, plan.kernel_size)
            self.cell = LLSTMCell(plan.channels, layout)
        self.classify = Conv2d(self.cell.hidden, plan.n_classes, 1)

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """Logits `[B * slices, K, H, W]` of features `[B * slices, C, H, W]`, sample by sample."""
        first = list(range(slices))
        order = first + {"forward": first, "reverse": first[::-1], "none": []}[self.second_pass]
        stacks = x.view(-1, slices, *x.shape[1:])
        hidden = self.cell(stacks, order, recompute=self.recompute)
        logits: Tensor = self.classify(hidden.flatten(0, 1))
        return logits


class LSTMNet(nn.Module):
    """LLSTM or CLSTM: a 5×5 convolution of all modalities, ELU, and the recurrent part.

    The convolution's channels, and ELU, as after the attention of AttLLSTM, are our choices. With three
    modalities and the papers' sizes LLSTM has 50,698 parameters, and CLSTM with 28 hidden channels 91,306.
    """

    def __init__(self, plan: StackPlan) -> None:
        super().__init__()
        self.plan = plan
        self.stem = Conv2d(plan.n_inputs, plan.channels, 5, padding=2)
        self.recurrent = RecurrentPart(plan)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, K, D, H, W]`.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero; D, H and W may be any.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not have the plan's modalities.
        """
        if x.ndim != 5 or x.shape[1] != self.plan.n_inputs:
            raise ValueError(f"input must be [B, {self.plan.n_inputs}, D, H, W], got {list(x.shape)}")
        features = F.elu(self.stem(_slices(x)), inplace=True)
        return _stack(self.recurrent(features, x.shape[2]), x)


class AttLSTM(nn.Module):
    """AttLLSTM or AttCLSTM: cross-attention, a 7×7 convolution, ELU, and the recurrent part on the grid of patches.

    Logits are upsampled bilinearly (our choice). Modalities other than the guide and those to segment on
    do not reach the network. With the papers' sizes AttLLSTM has 282,602 parameters, AttCLSTM 323,210.
    """

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__()
        self.plan = plan
        self.attention = _attention(plan)
        self.smooth = Conv2d(plan.channels, plan.channels, 7, padding=3)
        self.recurrent = RecurrentPart(plan)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, K, D, H, W]`.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero; H and W are the plan's, D may be any.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not fit the plan.
        """
        dwi, susceptibility = _attended(x, self.plan)
        features = F.elu(self.smooth(self.attention(dwi, susceptibility)), inplace=True)
        logits = self.recurrent(features, x.shape[2])
        return _stack(F.interpolate(logits, size=x.shape[3:], mode="bilinear"), x)


class UpAttLSTM(nn.Module):
    """UpAttLLSTM or UpAttCLSTM: cross-attention, the upsampling block, and the recurrent part at full resolution.

    Modalities other than the guide and those to segment on do not reach the network. With the papers' sizes
    UpAttLLSTM has 301,710 parameters, UpAttCLSTM 342,318.
    """

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__()
        self.plan = plan
        self.attention = _attention(plan)
        self.up = UpBlock(len(plan.susceptibility), plan.channels, plan.patch_swan)
        self.recurrent = RecurrentPart(plan)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Logits `[B, K, D, H, W]`.

        Args:
            x: `[B, M, D, H, W]`, absent modalities zero; H and W are the plan's, D may be any.
            present: `[B, M]`; not read.

        Raises:
            ValueError: `x` does not fit the plan.
        """
        dwi, susceptibility = _attended(x, self.plan)
        features = self.up(self.attention(dwi, susceptibility), susceptibility)
        return _stack(self.recurrent(features, x.shape[2]), x)


def _attention(plan: AttentionPlan) -> CrossAttention:
    return CrossAttention(
        len(plan.susceptibility),
        plan.channels,
        plan.patch_size[1:],
        patches=(plan.patch_dwi, plan.patch_swan),
        skip_attended=plan.second_skip == "attended",
    )


def _attended(x: Tensor, plan: AttentionPlan) -> tuple[Tensor, Tensor]:
    """DWI and susceptibility of all slices, `[B D, 1, H, W]` and `[B D, C, H, W]`."""
    modalities, (height, width) = plan.n_inputs, plan.patch_size[1:]
    if x.ndim != 5 or (x.shape[1], *x.shape[3:]) != (modalities, height, width):
        raise ValueError(
            f"input must be [B, {modalities}, D, {height}, {width}], the size that the attention's positions are "
            f"learned for, got {list(x.shape)}"
        )
    return _slices(x, [plan.dwi], plan.modalities), _slices(x, plan.susceptibility, plan.modalities)


def _slices(x: Tensor, chosen: Sequence[str] | None = None, modalities: Sequence[str] = ()) -> Tensor:
    """`[B, M, D, H, W]` as `[B D, M, H, W]`, with all or with chosen modalities; channels last on CPUs."""
    if chosen is not None:
        x = x[:, [modalities.index(name) for name in chosen]]
    slices = x.transpose(1, 2).flatten(0, 1)
    return slices.contiguous(memory_format=torch.channels_last) if x.device.type == "cpu" else slices


def _stack(logits: Tensor, x: Tensor) -> Tensor:
    """Logits `[B D, K, H, W]` as `[B, K, D, H, W]`."""
    return logits.view(x.shape[0], x.shape[2], *logits.shape[1:]).transpose(1, 2)
