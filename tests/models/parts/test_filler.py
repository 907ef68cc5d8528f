"""The learned filler: by hand, on every network, while it fades, in distributed training, and carried over."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from model_cases import MODALITIES, PATCH, small_plan
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models import MODELS, Plan, build_model, find_model, outline
from models.parts.filler import LearnedFiller
from models.parts.transfer import carry_over
from study.testing.models import CONTRACT, ModelCase

FILLED = sorted(name for name, spec in MODELS.items() if spec.takes_filler and spec.learns)
CELLS = (2, 2, 3)


class Passes(nn.Module):
    """Gives back what it is given."""

    def forward(self, x: Tensor, present: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        return x, present


def filler_of(
    values: list[float], size: tuple[int, int, int] = (1, 1, 2), *, gradual: bool = False
) -> LearnedFiller:
    names = tuple(f"M{number}" for number in range(len(values)))
    filler = LearnedFiller(Passes(), Plan(names, 2, size), (1, 1, 1), gradual=gradual)
    with torch.no_grad():
        filler.values[:, 0, 0, 0] = torch.tensor(values)
    return filler


def test_by_hand_it_fills_the_brain_as_far_as_a_modality_has_faded() -> None:
    x = torch.tensor([[[3.0, 0.0]], [[0.5, 0.0]], [[0.0, 0.0]]])[None, :, None]  # the second voxel is outside
    seen, code = filler_of([10.0, 20.0, 30.0])(x, torch.tensor([[1.0, 0.25, 0.0]]))
    assert seen[0, :, 0, 0].tolist() == [[3.0, 0.0], [0.5 + 0.75 * 20.0, 0.0], [30.0, 0.0]]
    assert code.tolist() == [[1, 1, 0]]
    _, code = filler_of([10.0, 20.0, 30.0], gradual=True)(x, torch.tensor([[1.0, 0.25, 0.0]]))
    assert code.tolist() == [[1, 0.25, 0]]


def test_where_all_are_given_nothing_is_filled() -> None:
    x = torch.randn(2, 3, 1, 1, 2)
    seen, _ = filler_of([1.0, 2.0, 3.0])(x, torch.ones(2, 3))
    assert torch.equal(seen, x)
    assert torch.equal(filler_of([1.0, 2.0, 3.0])(x)[0], x)


def test_a_map_is_interpolated_between_the_centres_of_its_cells() -> None:
    filler = LearnedFiller(Passes(), Plan(("M",), 2, (1, 1, 8)), (1, 1, 2))
    with torch.no_grad():
        filler.values[0, 0, 0] = torch.tensor([0.0, 8.0])
    image = filler.image((1, 1, 8))[0, 0, 0]
    assert image.tolist() == pytest.approx([0, 0, 1, 3, 5, 7, 8, 8])
    filler = LearnedFiller(Passes(), Plan(("M", "N"), 2, (6, 8, 9)), CELLS)
    nn.init.normal_(filler.values)
    expected = nn.functional.interpolate(filler.values[None], (6, 8, 9), mode="trilinear")[0]
    torch.testing.assert_close(filler.image((6, 8, 9)), expected)


def filled_case(name: str) -> ModelCase:
    """A small network with fillers far from 0."""
    spec = MODELS[name]

    def build(plan: Any) -> nn.Module:
        network = LearnedFiller(spec.build(plan), plan, CELLS)
        with torch.no_grad():
            network.values.copy_(
                torch.randn(network.values.shape, generator=torch.Generator().manual_seed(1))
            )
        return network

    return ModelCase(name, replace(spec, build=build))


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", FILLED)
def test_a_filled_network_keeps_the_contract(name: str, check: Callable[[ModelCase], None]) -> None:
    check(filled_case(name))


@pytest.mark.parametrize("name", FILLED)
def test_it_begins_as_the_network_without(name: str) -> None:
    case = ModelCase(name, MODELS[name])
    plain = case.network().eval()
    filled = LearnedFiller(copy.deepcopy(plain), case.plan(), (1, 1, 1)).eval()
    x, present = case.given((1.0, 0.0, 1.0))
    with torch.no_grad():
        assert torch.equal(filled(x, present), plain(x, present))


@pytest.mark.parametrize("name", FILLED)
def test_the_filler_changes_what_a_network_makes_of_an_absent_modality(name: str) -> None:
    case = filled_case(name)
    filled = case.network().eval()
    x, present = case.given((1.0, 0.0, 1.0))
    with torch.no_grad():
        before = filled(x, present)
        filled.values[1] += 1
        assert not torch.allclose(filled(x, present), before)


def test_urn_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"filler\.kind: URN has an encoder for each modality"):
        build_model("urn", small_plan("urn"), None, (1, 1, 1))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("head", [None, "identity"])
def test_distributed_training_gets_a_gradient_for_the_filler_whatever_is_given(head: str | None) -> None:
    torch.manual_seed(0)
    network = build_model("multiunet", small_plan("multiunet"), head, CELLS).train()
    model = DistributedDataParallel(network)
    x = torch.randn(2, 3, *PATCH)
    for present in (torch.ones(2, 3), torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.5]])):
        model(x * present[:, :, None, None, None], present).square().mean().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    assert network.values.grad[1:].any()
    assert not network.values.grad[0].any()


def test_the_outline_has_the_filler() -> None:
    state = outline("nnunet", small_plan("nnunet"), "identity", CELLS)
    network = build_model("nnunet", small_plan("nnunet"), "identity", CELLS)
    assert {name: tensor.shape for name, tensor in state.items()} == {
        name: tensor.shape for name, tensor in network.state_dict().items()
    }
    assert state["values"].shape == (3, *CELLS)


def carried(source: nn.Module, source_plan: Plan, target: nn.Module, plan: Plan) -> dict[str, Tensor]:
    return carry_over(source.state_dict(), source_plan, target, find_model("nnunet").build, plan)


@pytest.mark.parametrize("head", [None, "identity"])
def test_fillers_are_carried_over_by_modality(head: str | None) -> None:
    before, after = small_plan("nnunet"), small_plan("nnunet", (MODALITIES[2], "FLAIR", MODALITIES[0]))
    source, target = (build_model("nnunet", plan, head, CELLS) for plan in (before, after))
    nn.init.normal_(source.values)
    target.load_state_dict(carried(source, before, target, after))
    assert torch.equal(target.values[0], source.values[2])
    assert not target.values[1].any()
    assert torch.equal(target.values[2], source.values[0])


@pytest.mark.parametrize("head", [None, "identity"])
def test_a_filler_is_added_to_trained_weights_and_begins_as_they_are(head: str | None) -> None:
    plan = small_plan("nnunet")
    source, target = build_model("nnunet", plan, head), build_model("nnunet", plan, head, (1, 1, 1))
    if head:
        nn.init.normal_(source.scales.weight)
    target.load_state_dict(carried(source, plan, target, plan))
    x, present = torch.randn(1, 3, *PATCH), torch.tensor([[1.0, 0.0, 1.0]])
    x = x * present[:, :, None, None, None]
    with torch.no_grad():
        assert torch.equal(target.eval()(x, present), source.eval()(x, present))
    back = build_model("nnunet", plan, head)
    back.load_state_dict(carried(target, plan, back, plan))
    assert all(torch.equal(back.state_dict()[name], value) for name, value in source.state_dict().items())


def test_it_can_be_exported_as_a_graph() -> None:
    network = build_model("nnunet", small_plan("nnunet"), None, CELLS).eval()
    nn.init.normal_(network.values)
    x, present = torch.randn(1, 3, *PATCH), torch.tensor([[1.0, 0.0, 1.0]])
    x = x * present[:, :, None, None, None]
    graph = torch.export.export(network, (x, present)).module()
    with torch.no_grad():
        np.testing.assert_allclose(graph(x, present), network(x, present), atol=1e-5)
