from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from study.training.losses import DeepSupervisionLoss, cross_entropy_minus_dice, deep_supervision_weights


def reference(logits: NDArray[np.float64], target: NDArray[np.uint8]) -> float:
    """Cross-entropy minus soft Dice of the foreground, voxel by voxel: logits [B, 2, D, H, W]."""
    cross_entropy, dices = [], []
    for sample, truth in zip(logits, target, strict=True):
        overlap = predicted = actual = 0.0
        for index in np.ndindex(truth.shape):
            scores = np.exp(sample[(slice(None), *index)])
            probabilities = scores / scores.sum()
            label = int(truth[index])
            cross_entropy.append(-math.log(probabilities[label]))
            overlap += probabilities[1] * label
            predicted += probabilities[1]
            actual += label
        dices.append((2 * overlap + 1e-5) / (predicted + actual + 1e-5))
    return sum(cross_entropy) / len(cross_entropy) - sum(dices) / len(dices)


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


def test_one_head_equals_the_voxel_by_voxel_reference() -> None:
    [logits], target = example((3, 5, 4), batch=3)
    expected = reference(logits.double().numpy(), target.numpy())
    assert float(DeepSupervisionLoss()(logits, target)) == pytest.approx(expected, rel=1e-5)
    assert float(DeepSupervisionLoss()([logits], target)) == pytest.approx(expected, rel=1e-5)


def test_several_heads_equal_the_weighted_reference_at_each_size() -> None:
    shapes = ((4, 9, 6), (4, 5, 3), (2, 3, 2))
    logits, target = example(*shapes)
    each = [
        reference(head.double().numpy(), nearest(target.numpy(), shape))
        for head, shape in zip(logits, shapes, strict=True)
    ]
    expected = each[0] * 2 / 3 + each[1] / 3
    assert float(DeepSupervisionLoss()(logits, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("heads", "weights"),
    [(1, [1]), (2, [1, 0]), (3, [2 / 3, 1 / 3, 0]), (5, [8 / 15, 4 / 15, 2 / 15, 1 / 15, 0])],
)
def test_weights_halve_from_head_to_head_and_leave_out_the_last(heads: int, weights: list[float]) -> None:
    assert deep_supervision_weights(heads) == pytest.approx(weights)


def test_a_perfect_prediction_reaches_minus_1() -> None:
    target = torch.zeros(1, 2, 4, 4, dtype=torch.uint8)
    target[0, 1, 1:3] = 1
    logits = torch.stack([1 - target.float(), target.float()], 1) * 60
    assert float(cross_entropy_minus_dice(logits, target)) == pytest.approx(-1, abs=1e-4)


def test_an_empty_target_with_an_empty_prediction_reaches_minus_1() -> None:
    logits = torch.zeros(1, 2, 2, 4, 4)
    logits[:, 0] = 60
    target = torch.zeros(1, 2, 4, 4, dtype=torch.uint8)
    assert float(cross_entropy_minus_dice(logits, target)) == pytest.approx(-1, abs=1e-4)


def test_a_confident_mistake_costs_its_logit_and_has_a_finite_gradient() -> None:
    logits = torch.zeros(1, 2, 1, 1, 2)
    logits[:, 0] = 1000
    logits.requires_grad_()
    loss = cross_entropy_minus_dice(logits, torch.ones(1, 1, 1, 2, dtype=torch.uint8))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1000, rel=1e-5)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_summed_in_single_precision(half: torch.dtype) -> None:
    logits, target = torch.zeros(1, 2, 40, 50, 50, dtype=half), torch.ones(1, 40, 50, 50, dtype=torch.uint8)
    loss = cross_entropy_minus_dice(logits, target)  # 100,000 voxels are more than float16 can count
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(math.log(2) - 2 / 3, abs=1e-5)


def test_two_halves_of_a_batch_average_to_its_loss_and_gradient() -> None:
    logits, target = example((4, 6, 6), (2, 3, 3), batch=4)
    whole = [head.clone().requires_grad_() for head in logits]
    DeepSupervisionLoss()(whole, target).backward()
    halves = [head.clone().requires_grad_() for head in logits]
    losses = [
        DeepSupervisionLoss()([head[part] for head in halves], target[part])
        for part in (slice(0, 2), slice(2, 4))
    ]
    mean = torch.stack(losses).mean()
    mean.backward()
    torch.testing.assert_close(mean.detach(), DeepSupervisionLoss()(logits, target))
    for one, two in zip(whole, halves, strict=True):
        assert one.grad is not None
        assert two.grad is not None
        torch.testing.assert_close(one.grad, two.grad)


def test_the_last_of_several_heads_stays_in_the_graph_with_a_gradient_of_zeros() -> None:
    logits, target = example((4, 4, 4), (2, 2, 2))
    heads = [head.requires_grad_() for head in logits]
    DeepSupervisionLoss()(heads, target).backward()
    assert heads[0].grad is not None
    assert heads[0].grad.any()
    assert heads[1].grad is not None
    assert not heads[1].grad.any()


def test_gradient_descent_on_the_logits_finds_the_target() -> None:
    _, target = example((2, 4, 4), batch=1)
    logits = torch.zeros(1, 2, 2, 4, 4, requires_grad=True)
    optimizer = torch.optim.SGD([logits], 20)
    for _ in range(50):
        optimizer.zero_grad()
        DeepSupervisionLoss()(logits, target).backward()
        optimizer.step()
    assert (logits.argmax(1) == target).all()


def test_other_numbers_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 classes .*, got 3"):
        cross_entropy_minus_dice(torch.zeros(1, 3, 2, 2, 2), torch.zeros(1, 2, 2, 2, dtype=torch.uint8))
