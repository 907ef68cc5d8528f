from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from training_cases import MODALITIES, course_of, ingredients_of

from models import build_model
from models.parts.unified import Unified
from models.urn.network import URN
from models.urn.plan import URNPlan
from study.commandline.composition import compose
from study.config import Config, ModalityDropout, Model, Trainer, validate
from study.errors import ConfigError
from study.training.batches import Batch
from study.training.course import Course
from study.training.losses import segmentation_loss
from study.training.recipe import Criterion, Loss, Stage
from study.training.unified import freeze_encoders, synthesis_error, unified

PLAN = URNPlan(MODALITIES, 2, (1, 8, 8), (4, 6), channels=3, decoder_channels=4, fusion="mean")


def config_of(**values: object) -> Config:
    kept = {"keep_at_least": 2}
    base = validate({"study": {"name": "test"}, "model": {"name": "urn"}, "modality_dropout": kept})
    return base.with_values(values)


def total(logits: Tensor, target: Tensor) -> Tensor:
    return logits.sum()


def end_to_end(loss: Loss = total, **settings: float) -> Criterion:
    """The criterion with these settings of `model.unified`."""
    return unified(ingredients_of(nn.Identity(), loss, model=model_of(**settings))).criterion


def synthesis(**settings: float) -> Criterion:
    """The criterion of the first stage."""
    return first_stage(course_of(), pretraining_epochs=1, **settings).criterion


def first_stage(course: Course, **settings: float) -> Stage:
    stage = unified(ingredients_of(nn.Identity(), total, course, model_of(**settings))).pretraining
    assert stage is not None
    return stage


def model_of(**settings: float) -> Model:
    return Model.model_validate({"name": "urn", "unified": settings})


def batch_of(present: Tensor, kept: Tensor) -> Batch:
    torch.manual_seed(0)
    image = torch.randn(len(present), 3, 2, 8, 8) * present[:, :, None, None, None]
    target = (torch.rand(len(present), 2, 8, 8) < 0.3).to(torch.uint8)
    return Batch(image, target, present, kept, kept, present - kept)


def small_batch() -> Batch:
    present = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    kept = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    return batch_of(present, kept)


class Fixed(nn.Module):
    """Returns a given output and records its inputs."""

    def __init__(self, output: Unified | Tensor) -> None:
        super().__init__()
        self.output = output
        self.asked: list[tuple[Tensor, Tensor, dict[str, object]]] = []

    def forward(self, x: Tensor, present: Tensor, **options: object) -> Unified | Tensor:
        self.asked.append((x, present, options))
        return self.output


def by_hand() -> tuple[Fixed, Batch]:
    """Two samples of 2×1×1 voxels: the first has both of two modalities, the second only the first one."""
    image = torch.tensor([[[2.0, 4.0], [1.0, 1.0]], [[3.0, 0.0], [0.0, 0.0]]])[..., None, None]
    syntheses = torch.tensor([[[1.0, 7.0], [1.0, 2.0]], [[3.0, 6.0], [9.0, 9.0]]])[..., None, None]
    present = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    factors = torch.tensor([[1.0, 0.5], [1.0, 0.0]])
    batch = Batch(
        image, torch.ones(2, 2, 1, 1, dtype=torch.uint8), present, factors, present, present - factors
    )
    return Fixed(Unified(torch.zeros(2, 2, 2, 1, 1), torch.tensor([3.0, 5.0]), syntheses)), batch


def test_the_error_of_the_synthesis_counts_what_the_subject_has() -> None:
    network, batch = by_hand()
    assert isinstance(network.output, Unified)
    # first sample: (|1 - 2| + |7 - 4|) / 2 = 2 and (0 + 1) / 2 = 0.5; second: (0 + 6) / 2 = 3, and nothing
    error = synthesis_error(network.output.syntheses, batch.image, batch.present)
    assert float(error) == pytest.approx(((2 + 0.5) / 2 + 3) / 2)


def test_end_to_end_all_terms_are_weighed() -> None:
    network, batch = by_hand()
    criterion = end_to_end(
        lambda logits, target: 7 + logits.sum() + target.sum(), variance_weight=0.01, synthesis_weight=0.1
    )
    assert float(criterion(network, batch)) == pytest.approx(7 + 4 + 0.01 * 4 + 0.1 * 2.125)
    [(x, present, options)] = network.asked
    assert torch.equal(x[0, 1].flatten(), torch.tensor([0.5, 0.5]))
    assert torch.equal(present, batch.code)
    assert not options


def test_the_paper_s_weight_of_the_variance_is_the_default() -> None:
    network, batch = by_hand()
    assert float(end_to_end()(network, batch)) == pytest.approx(1e-4 * 4 + 2.125, rel=1e-6)


def test_pretraining_is_synthesis_and_likeness_whatever_its_weight_is_later() -> None:
    network, batch = by_hand()
    criterion = synthesis(variance_weight=0.01, synthesis_weight=0.0)
    assert float(criterion(network, batch)) == pytest.approx(0.01 * 4 + 2.125)
    assert network.asked[0][2] == {"segment": False}


def test_a_frozen_representation_leaves_the_segmentation() -> None:
    _, batch = by_hand()
    logits = torch.full((2, 2, 2, 1, 1), 2.0)
    criterion = end_to_end(lambda given, target: given.sum() - target.sum())
    assert float(criterion(Fixed(logits), batch)) == 16 - 4


def test_pretraining_changes_all_but_the_segmentation() -> None:
    torch.manual_seed(0)
    network = build_model("urn", PLAN).train()
    batch = small_batch()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    criterion = synthesis()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = criterion(network, batch)
        loss.backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    same = {name for name, value in network.state_dict().items() if torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in same} == {"segmenter"}
    assert same == {name for name in before if name.startswith("segmenter.")}


def test_what_is_frozen_stays_and_the_segmentation_is_learnt() -> None:
    torch.manual_seed(0)
    network = build_model("urn", PLAN).train()
    batch = small_batch()
    synthesis()(network, batch)  # running statistics that differ from those of a new network
    freeze_encoders(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learnt, 1e-2, weight_decay=0.1)
    criterion = end_to_end(segmentation_loss(Trainer(loss="ce")))
    losses = []
    for _ in range(20):
        network.eval()  # as a validation leaves it
        network.train()
        optimizer.zero_grad()
        loss = criterion(network, batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {name for name in before if name.startswith("segmenter.")}


def test_end_to_end_training_lowers_every_term() -> None:
    torch.manual_seed(0)
    network = build_model("urn", PLAN).train()
    assert isinstance(network, URN)
    batch = small_batch()
    segmentation = segmentation_loss(Trainer(loss="ce"))
    criterion = end_to_end(segmentation, variance_weight=0.5)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    def terms() -> tuple[float, float, float]:
        output = network(batch.reduced, batch.code)
        assert isinstance(output, Unified)
        return (
            segmentation(output.logits, batch.target).item(),
            output.variance.mean().item(),
            synthesis_error(output.syntheses, batch.image, batch.present).item(),
        )

    first = terms()
    for _ in range(30):
        optimizer.zero_grad()
        criterion(network, batch).backward()
        optimizer.step()
    assert all(after < before for after, before in zip(terms(), first, strict=True))


def test_only_a_unified_representation_can_be_frozen() -> None:
    with pytest.raises(TypeError, match="must have a unified representation, got Linear"):
        freeze_encoders(nn.Linear(1, 1))


def test_the_first_stage_has_the_paper_s_settings() -> None:
    dropout = ModalityDropout(droppable=("B0",), keep_at_least=1)
    course = course_of(
        dropout=dropout, optimizer="sgd", decay="linear", weight_decay=1e-3, batch_size=4, loss="ce"
    )
    first = first_stage(replace(course, rungs=(2,)), pretraining_epochs=7).course
    trainer, dropout = first.trainer, first.dropout
    assert (trainer.epochs, trainer.optimizer, trainer.learning_rate) == (7, "adam", 3e-5)
    assert (trainer.weight_decay, trainer.decay, trainer.batch_size) == (0, "none", 4)
    assert trainer.foreground_fraction == 0
    assert (dropout.policy, dropout.theta) == ("truncated_geometric", 0.8)
    assert (dropout.droppable, dropout.keep_at_least) == (MODALITIES, 2)
    assert first.schedule.shape == "abrupt"
    assert first.rungs == ()
    assert (first.seed, first.modalities) == (course.seed, course.modalities)


def test_end_to_end_training_has_no_first_stage() -> None:
    assert unified(ingredients_of(nn.Identity(), total, model=model_of())).pretraining is None


def test_after_the_first_stage_the_representation_is_frozen() -> None:
    network = build_model("urn", PLAN)
    first_stage(course_of(), pretraining_epochs=1).finish(network)
    learnt = {name.split(".")[0] for name, value in network.named_parameters() if value.requires_grad}
    assert learnt == {"segmenter"}


def test_one_modality_is_refused() -> None:
    alone = {"cohort.modalities": ("DWI",), "modality_dropout.droppable": ()}
    message = r"model\.name: urn needs 2 modalities at least, got DWI; add .*, or choose another model"
    with pytest.raises(ConfigError, match=message):
        config_of(**alone, **{"modality_dropout.keep_at_least": 1})


def test_training_on_one_modality_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"keep_at_least: urn cannot be trained on .* set it to 2, got 1"):
        config_of(**{"modality_dropout.keep_at_least": 1})


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="two are kept"),
        pytest.param({"modality_dropout.keep_at_least": 3}, id="three are kept"),
        pytest.param(
            {"modality_dropout.keep_at_least": 1, "modality_dropout.droppable": ()}, id="nothing is dropped"
        ),
        pytest.param({"model.name": "unet2d", "modality_dropout.keep_at_least": 1}, id="another network"),
        pytest.param({"model.inputs": "DWI+ADC"}, id="an independent model"),
    ],
)
def test_what_can_be_trained_is_not_complained_of(values: dict[str, object]) -> None:
    assert config_of(**values).narrowed().model.name in ("urn", "unet2d")


def test_the_shipped_configuration_is_the_paper_s() -> None:
    config = compose(["model=urn", "trainer=urn"])
    trainer, dropout, unified = config.trainer, config.modality_dropout, config.model.unified
    assert (trainer.optimizer, trainer.learning_rate, trainer.batch_size) == ("adam", 1e-4, 4)
    assert (trainer.loss, trainer.epochs, trainer.augmentation) == ("ce", 50, "none")
    assert (dropout.policy, dropout.theta) == ("truncated_geometric", 0.5)
    assert (unified.channels, unified.variance_weight, unified.fusion) == (16, 1e-4, "mean")
    assert math.isclose(unified.pretraining_rate, 3e-5)
