"""Distillation and ranking: their terms by hand, together, on every kind of network, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from training_cases import MODALITIES, ingredients_of

from models import MODELS, Plan
from study.config import Cotraining, Distillation, Model, Ranking, Trainer, validate
from study.errors import ConfigError
from study.testing.models import SCANS, ModelCase
from study.training.batches import Batch
from study.training.distillation import distilled, divergence
from study.training.losses import segmentation_loss
from study.training.pairs import paired
from study.training.ranking import ranked

SIZE = (2, 4, 4)
LN3 = math.log(3)


def batch_of(modalities: int = 3, size: tuple[int, int, int] = SIZE) -> Batch:
    """Two samples; the second modality of the first one is dropped, half faded."""
    torch.manual_seed(0)
    present = torch.ones(2, modalities)
    factors = present.clone()
    factors[0, 1] = 0.5
    dropped = (factors < 1).float()
    target = (torch.rand(2, *size) < 0.4).to(torch.uint8)
    return Batch(torch.randn(2, modalities, *size), target, present, factors, present, dropped)


def voxel(background: float, foreground: float) -> Tensor:
    """Logits of one voxel of one sample."""
    return torch.tensor([background, foreground]).reshape(1, 2, 1, 1, 1).requires_grad_()


def test_the_divergence_of_one_voxel_by_hand() -> None:
    # softened by T = 2 the teacher is sure by 3/4 and the student by 1/2
    teacher, student = voxel(0.0, 2 * LN3), voxel(0.0, 0.0)
    value = divergence(teacher, student, 2.0)
    by_hand = 4 * (0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5))
    assert value.item() == pytest.approx(by_hand, rel=1e-5)
    value.backward()  # T² · (q - p) / T for the student's foreground
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad.flatten().tolist() == pytest.approx([2 * 0.25, -2 * 0.25], rel=1e-5)


def test_the_divergence_is_a_mean_over_voxels_and_samples() -> None:
    one, other = (torch.randn(1, 2, 3, 4, 5) for _ in range(2))
    teachers, students = torch.cat((one, other)), torch.cat((other, other))
    expected = divergence(one, other, 3.0) / 2  # the second sample's is 0
    torch.testing.assert_close(divergence(teachers, students, 3.0), expected)


def test_each_resolution_is_taught_with_the_weights_of_the_loss() -> None:
    torch.manual_seed(1)
    full, reduced = ([torch.randn(2, 2, 4 // n, 4, 4) for n in (1, 2, 4)] for _ in range(2))
    value = distilled(Distillation(weight=3.0, temperature=2.0))(full, reduced, batch_of())
    by_hand = [divergence(one, other, 2.0) for one, other in zip(full, reduced, strict=True)]
    torch.testing.assert_close(value, 3.0 * (2 / 3 * by_hand[0] + 1 / 3 * by_hand[1]))


def mean_logit(logits: Tensor, target: Tensor) -> Tensor:
    """A loss that is easy to set."""
    return logits.mean()


def constant_logits(*losses: float) -> Tensor:
    return torch.tensor(losses)[:, None, None, None, None].expand(-1, 2, *SIZE).clone().requires_grad_()


@pytest.mark.parametrize(
    ("margin", "expected"),
    [(0.0, 3.0 * (0.5 - 0.2) / 2), (0.1, 3.0 * (0.5 - 0.2 + 0.1) / 2)],
)
def test_the_ranking_by_hand_counts_only_samples_of_which_something_was_dropped(
    margin: float, expected: float
) -> None:
    full, reduced = constant_logits(0.5, 0.9), constant_logits(0.2, 0.1)
    term = ranked(Ranking(weight=3.0, margin=margin), mean_logit)
    value = term(full, reduced, batch_of())
    assert value.item() == pytest.approx(expected)


def test_a_full_image_that_is_better_by_the_margin_costs_nothing() -> None:
    full, reduced = constant_logits(0.1, 0.9), constant_logits(0.4, 0.1)
    assert ranked(Ranking(margin=0.25), mean_logit)(full, reduced, batch_of()).item() == 0
    assert ranked(Ranking(margin=0.4), mean_logit)(full, reduced, batch_of()).item() == pytest.approx(0.05)


@pytest.mark.parametrize(("gradient", "slope"), [("full", None), ("both", -0.5)])
def test_the_reduced_image_is_made_no_worse_unless_asked_for(gradient: Any, slope: float | None) -> None:
    full, reduced = constant_logits(0.5, 0.9), constant_logits(0.2, 0.1)
    ranked(Ranking(gradient=gradient), mean_logit)(full, reduced, batch_of()).backward()
    assert full.grad is not None
    assert full.grad.sum((1, 2, 3, 4)).tolist() == pytest.approx([0.5, 0.0])
    if slope is None:
        assert reduced.grad is None
    else:
        assert reduced.grad is not None
        assert reduced.grad.sum((1, 2, 3, 4)).tolist() == pytest.approx([slope, 0.0])


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan(MODALITIES, 2, SIZE)
        self.first = nn.Conv3d(3, 2, 3, padding=1)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        logits: Tensor = self.first(x)
        return logits


def test_all_three_techniques_together_are_the_sum_of_their_terms() -> None:
    torch.manual_seed(0)
    network, batch, loss = Convolution(), batch_of(), segmentation_loss(Trainer())
    sections: dict[str, Any] = {
        "cotraining": Cotraining(enabled=True, full_weight=0.7, reduced_weight=1.2),
        "distillation": Distillation(enabled=True),
        "ranking": Ranking(enabled=True, margin=1.0),
    }
    together = paired(ingredients_of(network, loss, **sections)).criterion(network, batch)
    alone = paired(ingredients_of(network, loss, cotraining=sections["cotraining"])).criterion(network, batch)
    full, reduced = network(batch.image, batch.present), network(batch.reduced, batch.code)
    terms = [
        distilled(sections["distillation"])(full, reduced, batch),
        ranked(sections["ranking"], loss)(full, reduced, batch),
    ]
    assert all(term > 0 for term in terms)
    torch.testing.assert_close(together, alone + terms[0] + terms[1])


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", sorted(name for name, spec in MODELS.items() if spec.learns))
def test_every_network_gets_a_finite_gradient_for_every_parameter(name: str) -> None:
    case = ModelCase(name, MODELS[name])
    network = case.network().train()
    batch = batch_of(len(SCANS.modalities), case.plan().patch_size)
    sections = {"distillation": Distillation(enabled=True), "ranking": Ranking(enabled=True, margin=0.5)}
    loss = segmentation_loss(Trainer())
    criterion = paired(ingredients_of(network, loss, model=Model(name=name), **sections)).criterion
    model = DistributedDataParallel(network)
    for _ in range(2):  # the second iteration complains if a parameter was left out in the first
        criterion(model, batch).backward()
    assert list(network.parameters())
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


def test_a_unified_representation_keeps_its_own_parts_for_the_reduced_image() -> None:
    case = ModelCase("urn", MODELS["urn"])
    network, batch = case.network().train(), batch_of(3, case.plan().patch_size)
    plain = Model(name="urn")
    silent = plain.model_copy(
        update={"unified": plain.unified.model_copy(update={"synthesis_weight": 0.0, "variance_weight": 0.0})}
    )
    values = [
        paired(
            ingredients_of(
                network, segmentation_loss(Trainer()), model=model, distillation=Distillation(enabled=True)
            )
        ).criterion(network, batch)
        for model in (plain, silent)
    ]
    both = torch.cat((batch.image, batch.reduced)), torch.cat((batch.present, batch.code))
    output = network(*both)
    error = (output.syntheses[2:] - batch.image).abs().mean()
    torch.testing.assert_close(values[0] - values[1], error + 1e-4 * output.variance[2:].mean())


def test_pairs_need_something_to_drop() -> None:
    with pytest.raises(ConfigError, match=r"modality_dropout\.droppable: .* name some, or disable them"):
        validate({"study": {"name": "s"}}).with_values(
            {"distillation.enabled": True, "modality_dropout.droppable": []}
        )
    with pytest.raises(ConfigError, match=r"modality_dropout\.subset_sampling: by_loss chooses among"):
        validate({"study": {"name": "s"}}).with_values(
            {"modality_dropout.subset_sampling": "by_loss", "modality_dropout.droppable": []}
        )


def test_a_network_with_a_criterion_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(MODELS["unet2d"], criterion="mine")
    monkeypatch.setitem(MODELS, "unet2d", spec)
    with pytest.raises(ValueError, match=r"model\.name: unet2d is trained with the criterion mine"):
        paired(ingredients_of(Convolution(), mean_logit, model=Model(name="unet2d")))
