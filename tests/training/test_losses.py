from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from monai.losses import DiceLoss, FocalLoss
from numpy.typing import NDArray

from study.config import Trainer
from study.config.parts import PARTS
from study.training.losses import SegmentationLoss, deep_supervision_weights, segmentation_loss

NAMES = tuple(PARTS["losses"])


def loss_of(name: str, **settings: Any) -> SegmentationLoss:
    return segmentation_loss(Trainer.model_validate({"loss": name, **settings}))


def reference(
    name: str, logits: NDArray[np.float64], target: NDArray[np.uint8], gamma: float = 2.0, alpha: float = 0.25
) -> float:
    """The loss voxel by voxel, from the softmax of both logits [B, 2, D, H, W]."""
    cross_entropy, focal, dices = [], [], []
    for sample, truth in zip(logits, target, strict=True):
        overlap = predicted = actual = 0.0
        for index in np.ndindex(truth.shape):
            scores = np.exp(sample[(slice(None), *index)])
            probabilities = scores / scores.sum()
            label = int(truth[index])
            likelihood = probabilities[label]
            cross_entropy.append(-math.log(likelihood))
            share = alpha if label == 1 else 1 - alpha
            focal.append(-share * (1 - likelihood) ** gamma * math.log(likelihood))
            overlap += probabilities[1] * label
            predicted += probabilities[1]
            actual += label
        dices.append((2 * overlap + 1e-5) / (predicted + actual + 1e-5))
    dice = sum(dices) / len(dices)
    mean = sum(cross_entropy) / len(cross_entropy)
    return {"dice_ce": mean - dice, "dice": 1 - dice, "ce": mean, "focal": sum(focal) / len(focal)}[name]


def nearest(target: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Target [B, D, H, W] sampled where each coarse voxel's centre lies."""
    for axis, length in enumerate(shape, 1):
        centres = [int((i + 0.5) * target.shape[axis] / length) for i in range(length)]
        target = target.take(centres, axis)
    return target


def example(*shapes: tuple[int, int, int], batch: int = 2) -> tuple[list[torch.Tensor], torch.Tensor]:
    rng = np.random.default_rng(0)
    logits = [torch.tensor(rng.normal(0, 2, (batch, 2, *shape)), dtype=torch.float32) for shape in shapes]
    target = torch.tensor(rng.random((batch, *shapes[0])) < 0.3, dtype=torch.uint8)
    return logits, target


def voxel(margin: float, label: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One voxel whose foreground logit exceeds the background logit by the margin."""
    logits = torch.tensor([0.5, 0.5 + margin]).reshape(1, 2, 1, 1, 1)
    return logits, torch.tensor(label, dtype=torch.uint8).reshape(1, 1, 1, 1)


@pytest.mark.parametrize("name", NAMES)
def test_one_head_equals_the_voxel_by_voxel_reference(name: str) -> None:
    [logits], target = example((3, 5, 4), batch=3)
    expected = reference(name, logits.double().numpy(), target.numpy())
    assert float(loss_of(name)(logits, target)) == pytest.approx(expected, rel=1e-5)
    assert float(loss_of(name)([logits], target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_several_heads_equal_the_weighted_reference_at_each_size(name: str) -> None:
    shapes = ((4, 9, 6), (4, 5, 3), (2, 3, 2))
    logits, target = example(*shapes)
    each = [
        reference(name, head.double().numpy(), nearest(target.numpy(), shape))
        for head, shape in zip(logits, shapes, strict=True)
    ]
    expected = each[0] * 2 / 3 + each[1] / 3
    assert float(loss_of(name)(logits, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("heads", "weights"),
    [(1, [1]), (2, [1, 0]), (3, [2 / 3, 1 / 3, 0]), (5, [8 / 15, 4 / 15, 2 / 15, 1 / 15, 0])],
)
def test_weights_halve_from_head_to_head_and_leave_out_the_last(heads: int, weights: list[float]) -> None:
    assert deep_supervision_weights(heads) == pytest.approx(weights)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (1.0, 0.25), (0.5, 0.9), (0.0, 0.6), (5.0, 1.0)])
def test_focal_loss_equals_monais_for_any_gamma_and_alpha(gamma: float, alpha: float) -> None:
    [logits], target = example((3, 6, 5), batch=3)
    margin = logits[:, 1:] - logits[:, :1]
    expected = FocalLoss(gamma=gamma, alpha=alpha)(margin, target[:, None].float())
    found = loss_of("focal", focal_gamma=gamma, focal_alpha=alpha)(logits, target)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_dice_loss_equals_monais() -> None:
    [logits], target = example((3, 6, 5), batch=3)
    margin = logits[:, 1:] - logits[:, :1]
    expected = DiceLoss(sigmoid=True)(margin, target[:, None].float())
    assert float(loss_of("dice")(logits, target)) == pytest.approx(float(expected), rel=1e-5)


def test_focal_loss_without_focus_and_with_even_weights_is_half_the_cross_entropy() -> None:
    [logits], target = example((3, 6, 5))
    focal = loss_of("focal", focal_gamma=0, focal_alpha=0.5)(logits, target)
    assert float(focal) == pytest.approx(float(loss_of("ce")(logits, target)) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("label", "expected"),
    [(1, 0.25 * 0.25**2 * math.log(4 / 3)), (0, 0.75 * 0.75**2 * math.log(4))],
)
def test_focal_loss_by_hand_at_a_foreground_probability_of_three_quarters(
    label: int, expected: float
) -> None:
    logits, target = voxel(math.log(3), label)
    assert float(loss_of("focal")(logits, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("margin", [-1000.0, -100.0, 100.0, 1000.0])
def test_focal_loss_and_its_gradient_stay_finite_at_any_confidence(
    gamma: float, label: int, margin: float
) -> None:
    logits, target = voxel(margin, label)
    logits.requires_grad_()
    loss = loss_of("focal", focal_gamma=gamma)(logits, target)
    loss.backward()
    mistaken = (margin > 0) != (label == 1)
    weight = 0.25 if label == 1 else 0.75
    assert float(loss.detach()) == pytest.approx(weight * abs(margin) if mistaken else 0, rel=1e-5)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().max() == pytest.approx(weight if mistaken else 0, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_loss(name: str) -> None:
    rng = np.random.default_rng(1)
    heads = [
        torch.tensor(rng.normal(0, 2, (2, 2, *shape)), requires_grad=True)
        for shape in ((2, 3, 2), (1, 2, 2), (1, 1, 1))
    ]
    target = torch.tensor(rng.random((2, 2, 3, 2)) < 0.4, dtype=torch.uint8)
    loss = loss_of(name, focal_gamma=1.5)
    assert torch.autograd.gradcheck(lambda *logits: loss(logits, target), heads)


@pytest.mark.parametrize(("name", "best"), [("dice_ce", -1), ("dice", 0), ("ce", 0), ("focal", 0)])
def test_a_perfect_prediction_costs_least(name: str, best: float) -> None:
    target = torch.zeros(1, 2, 4, 4, dtype=torch.uint8)
    target[0, 1, 1:3] = 1
    logits = torch.stack([1 - target.float(), target.float()], 1) * 60
    assert float(loss_of(name)(logits, target)) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(("name", "best"), [("dice_ce", -1), ("dice", 0), ("ce", 0), ("focal", 0)])
def test_an_empty_target_with_an_empty_prediction_costs_least(name: str, best: float) -> None:
    logits = torch.zeros(1, 2, 2, 4, 4)
    logits[:, 0] = 60
    target = torch.zeros(1, 2, 4, 4, dtype=torch.uint8)
    assert float(loss_of(name)(logits, target)) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(("name", "expected"), [("dice_ce", 1000), ("dice", 1), ("ce", 1000)])
def test_a_confident_mistake_has_a_finite_cost_and_gradient(name: str, expected: float) -> None:
    logits = torch.zeros(1, 2, 1, 1, 2)
    logits[:, 0] = 1000
    logits.requires_grad_()
    loss = loss_of(name)(logits, torch.ones(1, 1, 1, 2, dtype=torch.uint8))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dice_ce", math.log(2) - 2 / 3),
        ("dice", 1 / 3),
        ("ce", math.log(2)),
        ("focal", 0.25 * 0.25 * math.log(2)),
    ],
)
def test_half_precision_logits_are_summed_in_single_precision(
    half: torch.dtype, name: str, expected: float
) -> None:
    logits, target = torch.zeros(1, 2, 40, 50, 50, dtype=half), torch.ones(1, 40, 50, 50, dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(name)(logits, target)  # 100,000 voxels are more than float16 can count
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_two_halves_of_a_batch_average_to_its_loss_and_gradient(name: str) -> None:
    loss = loss_of(name)
    logits, target = example((4, 6, 6), (2, 3, 3), batch=4)
    whole = [head.clone().requires_grad_() for head in logits]
    loss(whole, target).backward()
    halves = [head.clone().requires_grad_() for head in logits]
    losses = [loss([head[part] for head in halves], target[part]) for part in (slice(0, 2), slice(2, 4))]
    mean = torch.stack(losses).mean()
    mean.backward()
    torch.testing.assert_close(mean.detach(), loss(logits, target))
    for one, two in zip(whole, halves, strict=True):
        assert one.grad is not None
        assert two.grad is not None
        torch.testing.assert_close(one.grad, two.grad)


@pytest.mark.parametrize("name", NAMES)
def test_the_last_of_several_heads_stays_in_the_graph_with_a_gradient_of_zeros(name: str) -> None:
    logits, target = example((4, 4, 4), (2, 2, 2))
    heads = [head.requires_grad_() for head in logits]
    loss_of(name)(heads, target).backward()
    assert heads[0].grad is not None
    assert heads[0].grad.any()
    assert heads[1].grad is not None
    assert not heads[1].grad.any()


@pytest.mark.parametrize("name", NAMES)
def test_gradient_descent_on_the_logits_finds_the_target(name: str) -> None:
    _, target = example((2, 4, 4), batch=1)
    logits = torch.zeros(1, 2, 2, 4, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], 20)
    for _ in range(50):
        optimizer.zero_grad()
        loss_of(name)(logits, target).backward()
        optimizer.step()
    assert (logits.argmax(1) == target).all()


def test_other_numbers_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 classes .*, got 3"):
        loss_of("ce")(torch.zeros(1, 3, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.uint8))
