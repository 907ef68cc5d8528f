"""A network that has nothing to train: what it needs is checked, and its training changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from study.commandline.composition import compose
from study.config import Config, Trainer, validate
from study.errors import ConfigError
from study.machine.runtime import Runtime
from study.training.iteration import Iteration
from study.training.rates import build_optimizer, learns
from study.workflow.doubts import training_doubts

UNITS = {"normalisation": "units"}


def config(**sections: Any) -> Config:
    content: dict[str, Mapping[str, Any]] = {
        "study": {"name": "rule"},
        "model": {"name": "threshold"},
        "trainer": {"epochs": 1},
        "imaging": UNITS,
        **sections,
    }
    return validate(content)


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        ({"imaging": {}}, "imaging.normalisation: threshold needs units, got zscore; set it"),
        ({"trainer": {"epochs": 1, "workers": 2}}, r"trainer.workers: threshold has nothing to train.*set it to 1"),
        ({"distillation": {"enabled": True}}, r"threshold has nothing to train, which distillation would need"),
        ({"filler": {"kind": "learned"}}, r"threshold has nothing to train, which filler would need"),
        ({"head": {"kind": "dynamic"}}, r"threshold has nothing to train, which head would need"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_rule_is_refused(sections: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config(**sections)
    config()


def test_epochs_that_only_take_time_are_told() -> None:
    (doubt,) = training_doubts(config(trainer={"epochs": 20}))
    assert (
        doubt
        == "trainer.epochs: threshold has nothing to train, and 20 epochs only take time; set trainer=untrained"
    )
    assert training_doubts(config()) == []
    assert training_doubts(
        config(model={}, imaging={}, trainer={"learning_rate": 1.0})
    )  # of any other network


def test_a_rule_needs_no_more_than_its_name() -> None:
    chosen = compose(["model=threshold", "study.name=rule"])
    assert (chosen.model.name, chosen.imaging.normalisation) == ("threshold", "units")
    assert training_doubts(compose(["experiment=threshold", "study.name=rule"])) == []


class Fixed(nn.Module):
    """A network without parameters."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


class Counted:
    """A batch of three samples, as far as an iteration looks at it."""

    def __len__(self) -> int:
        return 3

    def split(self, parts: int) -> list[Counted]:
        return [self]

    def to(self, device: torch.device) -> Counted:
        return self


def test_an_iteration_of_a_network_without_parameters_tells_its_loss() -> None:
    network, trainer = Fixed(), Trainer(epochs=1)
    optimizer = build_optimizer(network, trainer)
    assert not learns(network)
    assert learns(nn.Linear(1, 1))
    iteration = Iteration(
        network,
        optimizer,
        torch.amp.GradScaler("cpu", enabled=False),
        lambda model, batch: model(torch.ones(())),
        1.0,
        Runtime.choose("cpu", "fp32"),
    )
    batch: Any = Counted()
    assert float(iteration(batch)) == 2
