from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from training_cases import course_of, ingredients_of

from models import Plan, build_model
from models.parts.head import DynamicHead
from models.parts.unet_planning import UNetPlan
from study.commandline.composition import compose
from study.config import Cotraining, Distillation, Model, Ranking, Trainer
from study.errors import ConfigError
from study.training.batches import Batch
from study.training.criteria import training_recipe
from study.training.losses import segmentation_loss
from study.training.pairs import paired
from study.training.recipe import Criterion, Loss
from study.training.ssim import structural_similarity

MODALITIES = ("DWI", "ADC", "B0")
SIZE = (4, 8, 8)
PLAN = UNetPlan(
    modalities=MODALITIES,
    n_classes=2,
    patch_size=SIZE,
    strides=((1, 1, 1), (1, 2, 2), (2, 2, 2)),
    kernel_sizes=((1, 3, 3), (3, 3, 3), (3, 3, 3)),
    features=(3, 4, 4),
    convs_encoder=(1, 1, 1),
    convs_decoder=(1, 1),
)


def criterion_of(network: nn.Module, loss: Loss, **weights: float) -> Criterion:
    return paired(ingredients_of(network, loss, cotraining=Cotraining(enabled=True, **weights))).criterion


def small_batch() -> Batch:
    torch.manual_seed(0)
    present = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    factors = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.3, 0.0], [1.0, 1.0, 1.0]])
    image = torch.randn(3, 3, *SIZE) * present[:, :, None, None, None]
    target = (torch.rand(3, *SIZE) < 0.3).to(torch.uint8)
    return Batch(image, target, present, factors, factors, (factors < present).float())


class Stub(nn.Module):
    """A convolution whose output is changed in place, and logits at one or two resolutions; records its inputs."""

    def __init__(self, heads: int = 1) -> None:
        super().__init__()
        self.plan = Plan(MODALITIES, 2, SIZE)
        self.first = nn.Conv3d(3, 2, 3, padding=1)
        self.heads = heads
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, present: Tensor) -> Tensor | list[Tensor]:
        self.asked.append((x, present))
        y = torch.relu_(self.first(x))
        each = [y, 2 * y[..., ::2]]
        return each[0] if self.heads == 1 else each


def total(logits: Tensor | list[Tensor], target: Tensor) -> Tensor:
    """A loss that is easy to compute by hand."""
    heads = [logits] if isinstance(logits, Tensor) else logits
    assert all(len(head) == len(target) for head in heads)
    return torch.stack([(i + 1) * head.square().mean() for i, head in enumerate(heads)]).sum() + target.sum()


@pytest.mark.parametrize("heads", [1, 2])
def test_the_loss_is_alpha_full_plus_beta_reduced_minus_gamma_similarity(heads: int) -> None:
    network, batch = Stub(heads), small_batch()
    weights = {"full_weight": 0.7, "reduced_weight": 1.3, "similarity_weight": 0.2}
    value = criterion_of(network, total, **weights)(network, batch)
    full, reduced = network.first(batch.image), network.first(batch.reduced)
    losses = []
    for features in (full.relu(), reduced.relu()):
        loss = features.square().mean() + batch.target.sum()
        losses.append(loss + 2 * (2 * features[..., ::2]).square().mean() if heads == 2 else loss)
    expected = 0.7 * losses[0] + 1.3 * losses[1] - 0.2 * structural_similarity(full, reduced)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(each, list(network.parameters())) for each in (value, expected)]
    torch.testing.assert_close(*gradients)


def test_the_network_sees_both_inputs_once_each_with_its_code() -> None:
    network, batch = Stub(), small_batch()
    criterion = criterion_of(network, total)
    network.asked.clear()
    criterion(network, batch)
    [(x, present)] = network.asked
    assert torch.equal(x, torch.cat((batch.image, batch.reduced)))
    assert torch.equal(present, torch.cat((batch.present, batch.code)))


def test_where_nothing_was_dropped_the_pair_is_the_same() -> None:
    network, batch = Stub(), small_batch()
    batch = replace(batch, factors=torch.ones(3, 3), code=batch.present)
    value = criterion_of(network, total, similarity_weight=0.5)(network, batch)
    torch.testing.assert_close(value, 2 * total(network.first(batch.image).relu(), batch.target) - 0.5)


def test_with_instance_normalisation_one_pass_equals_two() -> None:
    torch.manual_seed(0)
    network, batch = build_model("nnunet", PLAN).train(), small_batch()
    loss = segmentation_loss(Trainer())
    value = criterion_of(network, loss)(network, batch)
    features = [network.encoder[0][0][0](x) for x in (batch.image, batch.reduced)]
    expected = (
        loss(network(batch.image, batch.present), batch.target)
        + loss(network(batch.reduced, batch.code), batch.target)
        - 0.05 * structural_similarity(*features)
    )
    torch.testing.assert_close(value, expected)


def test_with_a_dynamic_head_features_are_what_it_makes_of_each_code() -> None:
    torch.manual_seed(0)
    network, batch = DynamicHead(Stub(), Plan(MODALITIES, 2, SIZE), "paper"), small_batch()
    nn.init.normal_(network.scales.weight)
    value = criterion_of(network, total, full_weight=0.0, reduced_weight=0.0)(network, batch)
    features = []
    for image, code in ((batch.image, batch.present), (batch.reduced, batch.code)):
        scales = network.scales(code)
        kernels = scales[:, :6].reshape(3, 2, 3, 1, 1, 1) * network.convolution.weight
        biases = scales[:, 6:] * network.convolution.bias
        rows = zip(image.split(1), kernels, biases, strict=True)
        features.append(torch.cat([nn.functional.conv3d(x, w, b, padding=1) for x, w, b in rows]))
    torch.testing.assert_close(value, -0.05 * structural_similarity(*features), rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("head", [None, "identity"])
def test_distributed_training_gets_a_finite_gradient_for_every_parameter(head: str | None) -> None:
    torch.manual_seed(0)
    network, batch = build_model("nnunet", PLAN, head).train(), small_batch()
    criterion = criterion_of(network, segmentation_loss(Trainer()))
    model = DistributedDataParallel(network)
    for _ in range(2):  # the second iteration complains if a parameter was left out in the first
        criterion(model, batch).backward()
    assert list(network.parameters())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.stride() == parameter.stride(), name


def test_nothing_stays_hooked_to_the_network() -> None:
    network = Stub()
    criterion = criterion_of(network, total)
    criterion(network, small_batch())
    with pytest.raises(RuntimeError):
        criterion(network, replace(small_batch(), image=torch.zeros(3, 2, *SIZE)))
    assert not any(module._forward_hooks for module in network.modules())


def test_training_makes_features_of_both_inputs_alike() -> None:
    torch.manual_seed(0)
    network = DynamicHead(Stub(), Plan(MODALITIES, 2, SIZE), "identity")
    batch = small_batch()
    criterion = criterion_of(network, total, full_weight=0.0, reduced_weight=0.0)
    optimizer = torch.optim.Adam(network.scales.parameters(), 0.02)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        value = criterion(network, batch)
        value.backward()
        optimizer.step()
        values.append(value.item() / -0.05)
    assert values[-1] > values[0] + 0.05


@pytest.mark.parametrize(
    ("plan", "first", "reason"),
    [
        (Plan(MODALITIES, 2, SIZE), nn.Conv3d(1, 2, 3), "its first convolution reads 1 of 3 modalities"),
        (Plan(("DWI",), 2, SIZE), nn.Conv3d(1, 2, 3), "it has one modality, which cannot be dropped"),
    ],
)
def test_networks_that_cannot_be_cotrained_are_refused(plan: Plan, first: nn.Module, reason: str) -> None:
    network = Stub()
    network.plan, network.first = plan, first
    model, course = Model(name="urn"), course_of()
    message = rf"cotraining.enabled: urn cannot be co-trained: {reason}; use cotraining.enabled=false, or"
    with pytest.raises(ValueError, match=message):
        paired(ingredients_of(network, total, course, model, cotraining=Cotraining(enabled=True)))
    with pytest.raises(ConfigError, match=message):
        training_recipe(course, model, network, Cotraining(enabled=True), Distillation(), Ranking())


@pytest.mark.parametrize(
    ("technique", "policy", "head", "cotraining"),
    [
        ("moddrop", "bernoulli", "none", False),
        ("moddrop_plus", "bernoulli", "dynamic", False),
        ("moddrop_plus_plus", "uniform_subset", "dynamic", True),
    ],
)
def test_each_technique_can_be_chosen_by_name(
    technique: str, policy: str, head: str, cotraining: bool
) -> None:
    config = compose([f"technique={technique}"])
    assert config.schedule.shape == "abrupt"
    assert config.modality_dropout.policy == policy
    assert config.head.kind == head
    assert config.cotraining.enabled == cotraining
    assert compose([f"technique={technique}", "schedule=none", "search_space=none"]).head.kind == head
