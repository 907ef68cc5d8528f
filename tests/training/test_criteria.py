from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from training_cases import MODALITIES, course_of, ingredients_of

from models import Plan
from study.config import Cotraining, Distillation, Model, Ranking, validate
from study.errors import ConfigError
from study.training.batches import Batch
from study.training.criteria import training_recipe
from study.training.recipe import Recipe
from study.training.supervised import supervised

SIZE = (2, 4, 4)


class Recorder(nn.Module):
    """Logits of one convolution; records its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan(MODALITIES, 2, SIZE)
        self.first = nn.Conv3d(3, 2, 1)
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        self.asked.append((x, present))
        logits: Tensor = self.first(x)
        return logits


def small_batch() -> Batch:
    torch.manual_seed(0)
    present = torch.ones(2, 3)
    factors = torch.tensor([[1.0, 1.0, 0.5], [1.0, 1.0, 1.0]])
    code = torch.tensor([[1.0, 1.0, 0.25], [1.0, 1.0, 1.0]])
    target = torch.ones(2, *SIZE, dtype=torch.uint8)
    return Batch(torch.randn(2, 3, *SIZE), target, present, factors, code, (factors < 1).float())


def recipe_of(network: nn.Module, model: Model | None = None, *, cotraining: bool = False) -> Recipe:
    techniques = Cotraining(enabled=cotraining), Distillation(), Ranking()
    return training_recipe(course_of(), model or Model(), network, *techniques)


def test_the_supervised_criterion_is_the_loss_of_what_dropout_has_left() -> None:
    network, batch = Recorder(), small_batch()
    ingredients = ingredients_of(network, lambda logits, target: logits.sum() + target.sum())
    value = supervised(ingredients).criterion(network, batch)
    [(x, present)] = network.asked
    assert torch.equal(x, batch.image * batch.factors[:, :, None, None, None])
    assert torch.equal(present, batch.code)
    torch.testing.assert_close(value, network.first(x).sum() + batch.target.sum())


def test_a_network_that_needs_nothing_else_is_trained_supervised() -> None:
    network, batch = Recorder(), small_batch()
    recipe = recipe_of(network)
    assert recipe.pretraining is None
    recipe.criterion(network, batch)
    assert [len(x) for x, _ in network.asked] == [2]


def test_co_training_sends_both_inputs_through_the_network() -> None:
    network, batch = Recorder(), small_batch()
    criterion = recipe_of(network, cotraining=True).criterion
    network.asked.clear()
    criterion(network, batch)
    assert [len(x) for x, _ in network.asked] == [4]


def test_a_network_gets_the_criterion_that_its_spec_names() -> None:
    model = Model.model_validate({"name": "urn", "unified": {"pretraining_epochs": 3}})
    stage = recipe_of(Recorder(), model).pretraining
    assert stage is not None
    assert stage.course.trainer.epochs == 3


def test_a_criterion_that_is_chosen_by_name_replaces_the_network_s_own() -> None:
    network, batch = Recorder(), small_batch()
    course = course_of(criterion="supervised")
    techniques = Cotraining(), Distillation(), Ranking()
    training_recipe(course, Model(name="urn"), network, *techniques).criterion(network, batch)
    assert [len(x) for x, _ in network.asked] == [2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trainer.criterion": "unified"}, "nnunet is trained with supervised, got unified; leave it out"),
        (
            {"trainer.criterion": "paired"},
            "got paired; set cotraining.enabled=true, distillation.enabled=true or",
        ),
        (
            {"trainer.criterion": "supervised", "cotraining.enabled": True},
            "must be paired with cotraining.enabled=true, .* got supervised",
        ),
        (
            {
                "trainer.criterion": "supervised",
                "model.name": "urn",
                "modality_dropout.keep_at_least": 2,
            },
            "urn is trained with unified, got supervised",
        ),
    ],
)
def test_a_criterion_that_the_network_is_not_trained_with_is_refused(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"trainer\.criterion: .*{message}"):
        validate({"study": {"name": "s"}}).with_values(values)


@pytest.mark.parametrize(
    "values",
    [
        {"trainer.criterion": "supervised"},
        {"trainer.criterion": "paired", "cotraining.enabled": True},
        {"trainer.criterion": "paired", "ranking.enabled": True},
        {"trainer.criterion": "unified", "model.name": "urn", "modality_dropout.keep_at_least": 2},
    ],
)
def test_the_criterion_that_is_used_anyway_may_be_named(values: dict[str, object]) -> None:
    config = validate({"study": {"name": "s"}}).with_values(values)
    assert config.trainer.criterion == values["trainer.criterion"]
