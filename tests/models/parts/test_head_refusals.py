"""Networks and settings that the dynamic head refuses."""

from __future__ import annotations

import pytest
from model_cases import MODALITIES, small_plan
from torch import Tensor, nn

from models import Plan, build_model
from models.parts.head import DynamicHead


class Convolves(nn.Module):
    """One convolution."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        result: Tensor = self.convolution(x)
        return result


@pytest.mark.parametrize(
    ("convolution", "reason"),
    [
        (nn.Conv3d(6, 6, 1, groups=2), "with settings that are not supported"),
        (nn.Conv3d(3, 6, 3, dilation=2), "with settings that are not supported"),
        (nn.Conv3d(3, 6, 3, padding="same"), "with settings that are not supported"),
        (nn.Conv3d(3, 6, 3, padding=1, padding_mode="reflect"), "with settings that are not supported"),
        (nn.Conv3d(1, 6, 3), "its first convolution reads 1 of 3 modalities"),
    ],
)
def test_what_it_cannot_be_plugged_into_is_answered_with_the_reason_and_a_remedy(
    convolution: nn.Module, reason: str
) -> None:
    with pytest.raises(ValueError, match=rf"head.kind: .*into Convolves: .*{reason}; use head.kind=none, or"):
        DynamicHead(Convolves(convolution), Plan(MODALITIES, 2, (4, 4, 4)), "identity")


@pytest.mark.parametrize("name", ["urn", "attlstm", "upattlstm"])
def test_networks_that_read_modalities_apart_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"head.kind: .* reads [12] of 3 modalities; use head.kind=none"):
        build_model(name, small_plan(name), "identity")


def test_an_unknown_beginning_is_named() -> None:
    with pytest.raises(ValueError, match=r"head.init: must be identity or paper, got 'zeros'"):
        DynamicHead(Convolves(nn.Conv3d(3, 6, 3)), Plan(MODALITIES, 2, (4, 4, 4)), "zeros")
