"""Plans of the recurrent thrombus networks, which run over stacks of whole slices. Needs no torch.

Vargas-Ibarra et al., MIDL 2024 (AttLLSTM), and "Multicentric thrombus segmentation" (UpAttLLSTM).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from models.parts.sizes import nearest_multiples
from models.plan import Plan, Scans, Size

LARGEST_PLANE = 256  # pixels along an axis; 256×256 slices in both papers
PUBLISHED_SCALES = 8  # log2 of 256 (Vargas-Ibarra 2024, table 2, which calls it n_l)


@dataclass(frozen=True)
class StackPlan(Plan):
    """What a recurrent network over slices is built from.

    Attributes:
        channels: of the features that enter the recurrent part; d of the attention.
        kind: llstm or clstm.
        conv_channels: n_c; of clstm, all hidden channels.
        windows: (height, width) of the transfer layer's pooling, largest first; none for clstm.
        multiplicity: m, logic channels per window; n_l = m × windows.
        kernel_size: w of the recurrent convolutions.
        second_pass: the second pass over the slices: forward, reverse or none.
        recompute: whether the recurrent part keeps only its states and computes the rest again in the backward pass.
    """

    sees_stacks: ClassVar[bool] = True  # slices have an order, and no kernel reaches from one to the next

    channels: int
    kind: str
    conv_channels: int
    windows: tuple[tuple[int, int], ...]
    multiplicity: int
    kernel_size: int
    second_pass: str
    recompute: bool

    @property
    def minimum_slices(self) -> int:
        """As many as a training patch has."""
        return self.patch_size[0]


@dataclass(frozen=True)
class AttentionPlan(StackPlan):
    """What a recurrent network with cross-attention is built from.

    Attributes:
        dwi: name of the modality that guides.
        susceptibility: names of the modalities that are segmented on.
        patch_dwi: pixels of a DWI token's side, a multiple of `patch_swan`.
        patch_swan: pixels of a susceptibility token's side.
        second_skip: term of the attention's last residual: susceptibility or attended.
    """

    dwi: str
    susceptibility: tuple[str, ...]
    patch_dwi: int
    patch_swan: int
    second_skip: str

    @property
    def stacked(self) -> tuple[str, ...]:
        """The modalities to segment on; the guide has an embedding of its own."""
        return self.susceptibility

    def widened(self) -> Self:
        """The same plan with one more modality to segment on."""
        return replace(super().widened(), susceptibility=(*self.susceptibility, "one more"))


def plan_lstm(name: str, settings: Mapping[str, Any], scans: Scans) -> StackPlan:
    """The plan of the recurrent part alone, which sees all modalities.

    Without `model.patch_size` a patch is `model.slices` slices of the median subject's rows and columns, at most
    256 of each.

    Raises:
        ValueError: the slices, the patch or the pooling windows do not fit; says what would.
    """
    patch = _patch(settings, scans, divisor=1)
    return StackPlan(**_shared(settings, scans, patch, patch[1:]))


def plan_attlstm(name: str, settings: Mapping[str, Any], scans: Scans) -> AttentionPlan:
    """The plan of the recurrent part after cross-attention, which sees only the modalities of `model.attention`.

    Without `model.patch_size` a patch is planned as in `plan_lstm`, rows and columns rounded up to a size that the
    attention's patches divide. The recurrent part works on the grid of the susceptibility patches, and its pooling
    windows are those of that grid.

    Raises:
        ValueError: as `plan_lstm`; or the attention's modalities or patches do not fit; says what would.
    """
    return _attention(settings, scans, settings["attention"]["patch_swan"])


def plan_upattlstm(name: str, settings: Mapping[str, Any], scans: Scans) -> AttentionPlan:
    """The plan of the recurrent part after cross-attention and upsampling: as `plan_attlstm`, at full resolution.

    Raises:
        ValueError: as `plan_attlstm`.
    """
    return _attention(settings, scans, 1)


def largest_stack(settings: Mapping[str, Any], batch_size: int) -> float:
    """The most voxels of a planned patch; `batch_size` does not matter."""
    slices: int = settings["slices"]
    return slices * float(LARGEST_PLANE**2)


def _attention(settings: Mapping[str, Any], scans: Scans, cell: int) -> AttentionPlan:
    """The plan for a recurrent part on cells of so many pixels a side."""
    attention = settings["attention"]
    dwi, susceptibility = attention["dwi"], tuple(attention["susceptibility"])
    _check_modalities(dwi, susceptibility, scans.modalities)
    coarse, fine = attention["patch_dwi"], attention["patch_swan"]
    if coarse % fine:
        raise ValueError(
            f"model.attention.patch_dwi: {coarse} is no multiple of model.attention.patch_swan={fine}; "
            f"these would do: {nearest_multiples(coarse, fine)}"
        )
    patch = _patch(settings, scans, divisor=coarse)
    return AttentionPlan(
        **_shared(settings, scans, patch, (patch[1] // cell, patch[2] // cell)),
        dwi=dwi,
        susceptibility=susceptibility,
        patch_dwi=coarse,
        patch_swan=fine,
        second_skip=attention["second_skip"],
    )


def _shared(settings: Mapping[str, Any], scans: Scans, patch: Size, grid: tuple[int, int]) -> dict[str, Any]:
    recurrent = settings["recurrent"]
    kind = recurrent["kind"]
    return {
        "modalities": scans.modalities,
        "n_classes": scans.n_classes,
        "patch_size": patch,
        "channels": settings["attention"]["channels"],
        "windows": _windows(recurrent["logic_scales"], grid) if kind == "llstm" else (),
        **{key: recurrent[key] for key in ("kind", "conv_channels", "multiplicity")},
        **{key: recurrent[key] for key in ("kernel_size", "second_pass", "recompute")},
    }


def _patch(settings: Mapping[str, Any], scans: Scans, *, divisor: int) -> Size:
    slices = settings["slices"]
    if slices > scans.median_shape[0]:
        raise ValueError(
            f"model.slices: the median subject has {scans.median_shape[0]} slices, got {slices}; "
            f"at most {scans.median_shape[0]} would do, or a finer imaging.spacing_mm"
        )
    if settings["patch_size"] is None:
        height, width = (
            math.ceil(min(edge, LARGEST_PLANE) / divisor) * divisor for edge in scans.median_shape[1:]
        )
        return slices, height, width
    depth, height, width = settings["patch_size"]
    if depth != slices:
        raise ValueError(
            f"model.patch_size: {depth}×{height}×{width} has {depth} slices and model.slices is {slices}; "
            f"{slices}×{height}×{width} or model.slices={depth} would do"
        )
    if height % divisor or width % divisor:
        raise ValueError(
            f"model.patch_size: {height}×{width} is not divisible by {divisor} (model.attention.patch_dwi); "
            f"these would do: {nearest_multiples(height, divisor)} × {nearest_multiples(width, divisor)}"
        )
    return depth, height, width


def _windows(scales: int | None, grid: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """2 n / 2^i along each axis, rounded down, for i = 0, 1, …; the first covers everything (MIDL 2024, equation 12).

    The papers have square images (n = n₁); here height and width each have their own n. With `scales` None there are
    as many windows as in the papers, or as a smaller grid allows.
    """
    most = (2 * min(grid)).bit_length()  # halvings that leave at least 1
    if scales is None:
        scales = min(PUBLISHED_SCALES, most)
    if scales > most:
        raise ValueError(
            f"model.recurrent.logic_scales: pooling windows of {2 * grid[0]}×{2 * grid[1]}, halved {scales - 1} "
            f"times, are smaller than a pixel; at most {most} would do"
        )
    return tuple((2 * grid[0] >> i, 2 * grid[1] >> i) for i in range(scales))


def _check_modalities(dwi: str, susceptibility: Sequence[str], given: Sequence[str]) -> None:
    there = f"there are {', '.join(given)}"
    if dwi not in given:
        raise ValueError(
            f"model.attention.dwi: no modality '{dwi}'; {there}; name one of them, as in "
            f"model.attention.dwi={given[0]}"
        )
    others = ",".join(name for name in given if name != dwi)
    if not others:
        raise ValueError(
            f"model.attention.susceptibility: there is only {dwi}, the guide, and nothing to segment on; add a "
            "modality to cohort.modalities, or choose model.name=lstm"
        )
    if missing := [name for name in susceptibility if name not in given]:
        raise ValueError(
            f"model.attention.susceptibility: no modality {_quoted(missing)}; {there}; name those to segment on, "
            f"as in model.attention.susceptibility=[{others}]"
        )
    if dwi in susceptibility or len(set(susceptibility)) < len(susceptibility):
        raise ValueError(
            f"model.attention.susceptibility: must name each modality once and not the guide {dwi} "
            f"(model.attention.dwi), got {', '.join(susceptibility)}"
        )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
