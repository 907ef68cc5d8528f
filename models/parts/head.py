"""ModDrop+'s dynamic head (Liu et al., MICCAI 2022, section 2.2), plugged into the first convolution of a network."""

from __future__ import annotations

from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.first_convolution import Convolution, find_first_convolution
from models.parts.sample_convolution import convolve_samples
from models.plan import Plan

__all__ = ["DynamicHead", "ScaledConvolution"]

PUBLISHED_STD = 0.02  # of the head's weights in the published code of Liu 2022, whose biases are 0


class DynamicHead(nn.Module):
    """A network whose first convolution adapts to the modalities that are given.

    A linear map of the modality code gives each sample a scale for every kernel W[v, u] and every bias of the
    convolution (filter scaling; in the paper a 1×1 convolution). There is no activation. The code is
    `present`: 1 or 0, or, which is our extension, in between for a modality that fades out.

    The network's parameters keep their names, after `network.`; the head's own are `scales.weight` and
    `scales.bias`.

    Deviations: the published code has a ReLU after the convolution; here the network continues as in its own paper.
    The published code starts with scales near 0, as `init=paper` does; with `init=identity` the weights start at 0
    and the biases at 1, so that the network starts as it is without a head.

    Args:
        network: one whose first convolution reads all modalities, in 2D, 2.5D or 3D. With one modality there is
            nothing to adapt to, but the head does no harm.
        plan: of the network.
        init: `identity` or `paper`.

    Raises:
        ValueError: the head cannot be plugged into the network, or `init` is unknown.
    """

    def __init__(self, network: nn.Module, plan: Plan, init: str) -> None:
        super().__init__()
        self.plan = plan
        try:
            self.first, convolution = find_first_convolution(network, plan)
            scaled = ScaledConvolution(convolution)
        except ValueError as error:
            raise ValueError(
                f"head.kind: the dynamic head cannot be plugged into {type(network).__name__}: {error}; "
                "use head.kind=none, or a network that reads all modalities together"
            ) from None
        network.set_submodule(self.first, scaled)
        self.network = network
        self.scales = nn.Linear(plan.n_inputs, scaled.n_scales)
        if init == "identity":
            nn.init.zeros_(self.scales.weight)
            nn.init.ones_(self.scales.bias)
        elif init == "paper":
            nn.init.normal_(self.scales.weight, std=PUBLISHED_STD)
            nn.init.zeros_(self.scales.bias)
        else:
            raise ValueError(f"head.init: must be identity or paper, got '{init}'")

    @property
    def convolution(self) -> ScaledConvolution:
        """The first convolution of the network."""
        return cast(ScaledConvolution, self.network.get_submodule(self.first))

    def forward(self, x: Tensor, present: Tensor | None = None) -> Any:
        """The network's output for `x` `[B, M, D, H, W]`.

        Args:
            x: absent modalities zero.
            present: `[B, M]`, the modality code; None: all modalities are given.

        Raises:
            ValueError: as the network.
        """
        code = self.scales.weight.new_ones(1, self.plan.n_inputs) if present is None else present
        if code.device.type == "cpu" and (code == code[:1]).all():
            code = code[:1]  # one kernel for all samples; on GPUs the comparison would cost a synchronisation
        self.convolution.scales = self.scales(code.to(self.scales.weight.dtype))
        return self.network(x, present)


class ScaledConvolution(nn.Module):
    """A convolution whose kernels and biases are scaled; its parameters are the convolution's, under the same names.

    Raises:
        ValueError: the convolution has groups, dilation, or other padding than zeros in numbers.
    """

    def __init__(self, convolution: Convolution) -> None:
        super().__init__()
        plain = convolution.groups == 1 and set(convolution.dilation) == {1}
        if not plain or convolution.padding_mode != "zeros" or isinstance(convolution.padding, str):
            raise ValueError(f"its first convolution is {convolution}, with settings that are not supported")
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride: tuple[int, ...] = convolution.stride
        self.padding: tuple[int, ...] = convolution.padding
        self.scales: Tensor | None = None

    @property
    def n_scales(self) -> int:
        """u·v for u inputs and v outputs, and v more with biases."""
        outputs, inputs = self.weight.shape[:2]
        return outputs * (inputs if self.bias is None else inputs + 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, u, (D,) H, W]` to `[N, v, (D',) H', W']` by `scales`, which must be set before.

        They are `[B, n_scales]`, kernels first, output channel by output channel, then biases; or `[1, n_scales]`
        for all samples. In 2D N may be a multiple of B, with the slices of a sample one after another.
        """
        assert self.scales is not None
        outputs, inputs = self.weight.shape[:2]
        of_weight = self.scales[:, : outputs * inputs].reshape(-1, outputs, inputs, *(1 for _ in self.stride))
        weight = self.weight * of_weight
        weight = weight.flatten(2).view_as(weight)  # gradients in plain order, see `models.parts.convolution`
        bias = None if self.bias is None else self.bias * self.scales[:, outputs * inputs :]
        if len(weight) > 1:
            return convolve_samples(x, weight, bias, self.stride, self.padding)
        convolve = F.conv3d if x.ndim == 5 else F.conv2d
        return convolve(x, weight[0], None if bias is None else bias[0], self.stride, self.padding)

    def __getstate__(self) -> dict[str, Any]:
        """The state for copies, without scales: they belong to the forward pass that computed them."""
        return self.__dict__ | {"scales": None}
