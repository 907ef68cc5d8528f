from __future__ import annotations

import pytest
import torch
from model_cases import MODALITIES, small_plan
from torch import Tensor, nn

from models import MODELS, build_model
from models.parts.first_convolution import find_first_convolution

FIRST = {
    "nnunet": "encoder.0.0.0",
    "resenc_unet": "stem.0",
    "multiunet": "encoder.0.convs.0",
    "unet2d": "unet.encoder.0.0",
    "tiramisu": "densenet.first",
    "lstm": "stem",
}
REFUSED = ("urn", "attlstm", "upattlstm")
WITHOUT = ("threshold",)  # has no convolution that learns
PLAN = small_plan("nnunet")


class Backwards(nn.Module):
    """Its convolutions are called in another order than they are made."""

    def __init__(self, last: nn.Module, first: nn.Module) -> None:
        super().__init__()
        self.last, self.first = last, first

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        result: Tensor = self.last(self.first(x))
        return result


def test_every_network_is_listed_here() -> None:
    assert {*FIRST, *REFUSED, *WITHOUT} == MODELS.keys()


@pytest.mark.parametrize("name", FIRST)
def test_the_convolution_that_reads_the_input_is_found(name: str) -> None:
    plan = small_plan(name)
    network = build_model(name, plan)
    found, convolution = find_first_convolution(network, plan)
    assert found == FIRST[name]
    assert convolution is network.get_submodule(found)


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_reads_modalities_apart_is_refused(name: str) -> None:
    plan = small_plan(name)
    with pytest.raises(ValueError, match=r"^its first convolution reads [12] of 3 modalities$"):
        find_first_convolution(build_model(name, plan), plan)


def test_it_is_the_first_to_be_called_not_the_first_to_be_made() -> None:
    network = Backwards(nn.Conv3d(2, 2, 1), nn.Conv3d(len(MODALITIES), 2, 1))
    assert find_first_convolution(network, PLAN)[0] == "first"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (nn.Conv3d(6, 6, 1, groups=3), "reads 2 of 3 modalities"),
        (nn.Linear(PLAN.patch_size[-1], 3), "has no convolution"),
    ],
)
def test_a_network_without_such_a_convolution_is_refused(first: nn.Module, reason: str) -> None:
    network = Backwards(nn.Identity(), first)
    with pytest.raises(ValueError, match=reason):
        find_first_convolution(network, PLAN)


@pytest.mark.parametrize("name", ["nnunet", "tiramisu", "urn"])
def test_shapes_are_enough(name: str) -> None:
    plan = small_plan(name)
    with torch.device("meta"):
        network = build_model(name, plan)
        if name in FIRST:
            assert find_first_convolution(network, plan)[0] == FIRST[name]
        else:
            with pytest.raises(ValueError, match="reads 1 of 3"):
                find_first_convolution(network, plan)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training: bool) -> None:
    plan = small_plan("tiramisu")
    network = build_model("tiramisu", plan).train(training)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    drawn = torch.get_rng_state()
    find_first_convolution(network, plan)
    assert network.training == training
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert not any(module._forward_pre_hooks for module in network.modules())
