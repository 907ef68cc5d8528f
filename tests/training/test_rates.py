from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from study.config import Trainer
from study.config.parts import PARTS
from study.training.rates import build_optimizer, learning_rate


def trainer(**settings: Any) -> Trainer:
    return Trainer.model_validate(settings)


def rates(**settings: Any) -> list[float]:
    """The learning rate of every epoch."""
    configured = trainer(**settings)
    return [learning_rate(configured, epoch) for epoch in range(configured.epochs)]


def test_the_default_is_nnunets_polynomial_over_all_epochs() -> None:
    expected = [0.01 * (1 - epoch / 10) ** 0.9 for epoch in range(10)]
    assert rates(epochs=10, learning_rate=0.01) == pytest.approx(expected)
    assert rates(epochs=10, learning_rate=0.01)[0] == 0.01


def test_a_polynomial_begins_where_it_is_told_to() -> None:
    found = rates(epochs=5, learning_rate=1.0, decay="poly", decay_from=0.2, poly_exponent=2.0)
    assert found == pytest.approx([1, 1, 0.75**2, 0.5**2, 0.25**2])


def test_a_linear_decay_is_constant_and_then_falls_by_equal_steps_towards_0() -> None:
    found = rates(epochs=6, learning_rate=0.6, decay="linear", decay_from=0.5)
    assert found == pytest.approx([0.6, 0.6, 0.6, 0.6, 0.4, 0.2])


def test_moddrop_plus_plus_decays_over_the_last_200_of_300_epochs() -> None:
    found = rates(epochs=300, learning_rate=0.25, decay="linear", decay_from=1 / 3)
    assert found[:101] == pytest.approx([0.25] * 101)
    assert found[101] == pytest.approx(0.25 * 199 / 200)
    assert found[200] == pytest.approx(0.125)
    assert found[-1] == pytest.approx(0.25 / 200)


def test_a_step_lowers_the_rate_once_for_all() -> None:
    found = rates(epochs=8, learning_rate=1e-3, decay="step", decay_from=0.5, decay_factor=0.1)
    assert found == pytest.approx([1e-3] * 4 + [1e-4] * 4)


@pytest.mark.parametrize("epoch", range(1, 100))
def test_a_step_comes_with_the_epoch_that_the_fraction_names(epoch: int) -> None:
    configured = trainer(epochs=100, learning_rate=1.0, decay="step", decay_from=epoch / 100)
    assert learning_rate(configured, epoch - 1) == 1
    assert learning_rate(configured, epoch) == pytest.approx(0.1)


def test_without_decay_the_rate_stays() -> None:
    assert rates(epochs=4, learning_rate=0.01, decay="none", decay_from=0.5) == [0.01] * 4


@pytest.mark.parametrize("decay", PARTS["decays"])
@pytest.mark.parametrize("epochs", [1, 2, 7])
@pytest.mark.parametrize("decay_from", [0.0, 0.3, 0.99])
def test_the_rate_never_rises_and_every_epoch_learns(decay: str, epochs: int, decay_from: float) -> None:
    found = rates(epochs=epochs, learning_rate=0.1, decay=decay, decay_from=decay_from)
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0
    assert found[0] <= 0.1


def test_sgd_has_nesterov_momentum_where_there_is_momentum() -> None:
    optimizer = build_optimizer(nn.Linear(2, 2), trainer(momentum=0.9, weight_decay=0.1, learning_rate=0.5))
    assert isinstance(optimizer, torch.optim.SGD)
    assert (optimizer.defaults["momentum"], optimizer.defaults["nesterov"]) == (0.9, True)
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (0.5, 0.1)
    assert not build_optimizer(nn.Linear(2, 2), trainer(momentum=0)).defaults["nesterov"]


@pytest.mark.parametrize(("name", "decoupled"), [("adam", False), ("adamw", True)])
def test_adams_first_steps_equal_its_equations(name: str, decoupled: bool) -> None:
    rate, beta1, beta2, decay = 0.1, 0.5, 0.999, 0.2
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(2.0)
    optimizer = build_optimizer(
        network, trainer(optimizer=name, beta1=beta1, learning_rate=rate, weight_decay=decay)
    )
    weight, first, second = 2.0, 0.0, 0.0
    for step, slope in enumerate((3.0, -1.0, 0.5), 1):
        network.weight.grad = torch.tensor([[slope]])
        optimizer.step()
        gradient = slope if decoupled else slope + decay * weight
        weight -= rate * decay * weight if decoupled else 0
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        weight -= rate * (first / (1 - beta1**step)) / ((second / (1 - beta2**step)) ** 0.5 + 1e-8)
    assert float(network.weight.detach()) == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize("name", PARTS["optimizers"])
def test_frozen_parameters_are_left_alone(name: str) -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for parameter in network[0].parameters():
        parameter.requires_grad_(False)
    before = [parameter.clone() for parameter in network[0].parameters()]
    optimizer = build_optimizer(network, trainer(optimizer=name, weight_decay=0.5, learning_rate=0.1))
    network(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    [group] = optimizer.param_groups
    assert [id(each) for each in group["params"]] == [id(each) for each in network[1].parameters()]
    for parameter, old in zip(network[0].parameters(), before, strict=True):
        assert torch.equal(parameter, old)
