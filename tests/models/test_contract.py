"""Every network keeps the contract that networks of other packages are held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from model_cases import MODALITIES, PATCH, small_plan

import models
from models import MODELS, build_model, find_model, model_names
from study.testing.models import CONTRACT, ModelCase

SUPERVISED = ("nnunet", "resenc_unet")
RECURRENT = {"conv_channels": 2, "logic_scales": 3, "multiplicity": 2}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    name: [{"recurrent": {**RECURRENT, "kind": kind}} for kind in ("llstm", "clstm")]
    for name in ("lstm", "attlstm", "upattlstm")
}
CASES = [
    pytest.param(ModelCase(name, MODELS[name], changes), id=f"{name}{number or ''}")
    for name in sorted(MODELS)
    for number, changes in enumerate(VARIANTS.get(name, [{}]))
]
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
@pytest.mark.parametrize("case", CASES)
def test_it_keeps_the_contract(case: ModelCase, check: Callable[[ModelCase], None], device: str) -> None:
    check(replace(case, device=device))


@pytest.mark.parametrize("name", SUPERVISED)
def test_training_gives_every_resolution_only_with_deep_supervision(name: str) -> None:
    x = torch.randn(1, len(MODALITIES), *PATCH)
    supervised = build_model(name, small_plan(name)).train()
    assert [tuple(y.shape[2:]) for y in supervised(x)] == [(8, 16, 16), (8, 8, 8)]
    assert supervised.eval()(x).shape == (1, 2, *PATCH)
    single = build_model(name, small_plan(name, deep_supervision=False)).train()
    assert single(x).shape == (1, 2, *PATCH)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"lstm", "tiramisu", "threshold"}))
def test_an_input_whose_sides_do_not_fit_is_named(name: str) -> None:
    network = build_model(name, small_plan(name))
    with pytest.raises(ValueError, match=r"got \[1, 3, 8, 16, 18\]"):
        network(torch.zeros(1, 3, 8, 16, 18))


@pytest.mark.parametrize("name", SUPERVISED)
def test_one_modality_is_enough_for_plain_order(name: str) -> None:
    network = build_model(name, small_plan(name, MODALITIES[:1])).train()
    sum(logits.mean() for logits in network(torch.randn(1, 1, *PATCH))).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.stride() == parameter.stride(), key


def test_an_unknown_network_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=rf"no network 'unet'; there are {', '.join(sorted(MODELS))}"):
        find_model("unet")
    assert model_names() == tuple(sorted(MODELS))


def test_recurrent_networks_see_stacks_and_no_others() -> None:
    assert {name for name, spec in MODELS.items() if spec.sees_stacks} == {"lstm", "attlstm", "upattlstm"}


def test_every_folder_of_a_network_has_its_network_plan_and_spec() -> None:
    folders = [path.parent for path in Path(models.__file__).parent.glob("*/spec.py")]
    assert len(folders) == 8
    for folder in folders:
        files = {path.name for path in folder.glob("*.py")}
        assert files >= {"__init__.py", "network.py", "plan.py", "spec.py"}, folder
