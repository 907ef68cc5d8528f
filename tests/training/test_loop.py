"""The epoch loop on four small volumes, with a network of two convolutions."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.multiprocessing as multiprocessing
from torch import nn

from study.config import Config, Trainer, validate
from study.errors import TrainingError
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.training.batches import AUGMENTATIONS, Batch, Samples, batches
from study.training.loop import Outcome, train
from study.training.losses import segmentation_loss
from study.training.ranks import Ranks

PATCH = (4, 8, 8)
CENTERS = {"A-0": "A", "A-1": "A", "A-2": "A", "B-3": "B"}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(3, 6, 3, padding=1), nn.InstanceNorm3d(6), nn.LeakyReLU(), nn.Conv3d(6, 2, 1)
        )

    def forward(self, x: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


def subjects() -> list[Prepared]:
    made = []
    grid = Grid((6, 12, 12), np.eye(4))
    for number, key in enumerate(CENTERS):
        rng = np.random.default_rng(number)
        target = np.zeros(grid.shape, np.uint8)
        target[2:4, 3:7, number : number + 5] = 1
        image = rng.normal(size=(3, *grid.shape)).astype(np.float32)
        image[0] += 3 * target
        voxels = np.argwhere(target).astype(np.int16)
        made.append(Prepared(key, image, (True, True, True), target, voxels, grid, grid, target))
    return made


def configured(**trainer: Any) -> Config:
    settings = {
        "epochs": 4,
        "iterations_per_epoch": 3,
        "augmentation": "none",
        "momentum": 0.9,
        "validate_every": 2,
        "device": "cpu",
    }
    return validate({"study": {"name": "s", "seed": 5}, "trainer": settings | trainer})


def samples_of(config: Config, patch_size: tuple[int, int, int] = PATCH, world: int = 1) -> Samples:
    return Samples(config, subjects(), CENTERS, patch_size, (), world)


def run(
    config: Config, folder: Path, stop_at: int | None = None, network: nn.Module | None = None
) -> tuple[Outcome, nn.Module]:
    torch.manual_seed(0)
    network = network or Net()
    samples = samples_of(config, world=Ranks.current().world)
    loss = segmentation_loss(config.trainer)

    def objective(model: nn.Module, batch: Batch) -> torch.Tensor:
        assert model.training
        result: torch.Tensor = loss(model(batch.reduced, batch.code), batch.target)
        return result

    def validate_network(trained: nn.Module) -> Mapping[str, float]:
        assert not trained.training
        return {"objective": float(next(trained.parameters()).detach().sum())}

    outcome = train(
        network,
        samples,
        folder / "checkpoint.pt",
        folder / "epochs.jsonl",
        objective,
        validate_network,
        lambda epoch, metrics: epoch == stop_at,
    )
    return outcome, network


def curve(outcome: Outcome) -> list[tuple[float, float, float | None]]:
    return [
        (record["train_loss"], record["learning_rate"], record.get("objective")) for record in outcome.history
    ]


def test_continuing_from_a_checkpoint_gives_the_same_curve_and_weights_as_never_having_stopped(
    tmp_path: Path,
) -> None:
    whole, network = run(configured(), tmp_path / "whole")
    first, _ = run(configured(), tmp_path / "parts", stop_at=2)
    assert first.stopped
    assert len(first.history) == 2
    second, continued = run(configured(), tmp_path / "parts")
    assert not second.stopped
    assert curve(second) == curve(whole)
    for one, other in zip(network.parameters(), continued.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_loss_falls(tmp_path: Path) -> None:
    outcome, _ = run(configured(epochs=8, iterations_per_epoch=10), tmp_path)
    assert outcome.history[-1]["train_loss"] < 0.6 * outcome.history[0]["train_loss"]


def test_epochs_on_disk_are_those_of_the_checkpoint(tmp_path: Path) -> None:
    outcome, _ = run(configured(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    assert lines == outcome.history
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert ["objective" in line for line in lines] == [False, True, False, True]


def test_an_end_asked_for_after_the_last_epoch_is_no_early_stop(tmp_path: Path) -> None:
    outcome, _ = run(configured(), tmp_path, stop_at=4)
    assert not outcome.stopped


def test_a_loss_that_is_not_finite_ends_the_training_with_epoch_and_remedy(tmp_path: Path) -> None:
    network = Net()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan in epoch 1; lower trainer\.learning_rate"):
        run(configured(), tmp_path, network=network)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run(configured(), tmp_path)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt: the checkpoint does not fit"):
        run(configured(), tmp_path, network=nn.Sequential(nn.Conv3d(3, 2, 1)))


def test_each_epoch_is_trained_and_recorded_at_its_learning_rate(tmp_path: Path) -> None:
    outcome, _ = run(configured(learning_rate=0.1, decay="step", decay_from=0.5), tmp_path)
    assert [record["learning_rate"] for record in outcome.history] == pytest.approx([0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "focal", "optimizer": "adam", "beta1": 0.5, "learning_rate": 0.05},
        {"loss": "dice", "optimizer": "adamw", "learning_rate": 0.05},
        {"loss": "ce", "decay": "none"},
    ],
)
def test_other_losses_and_optimisers_train_too(tmp_path: Path, settings: dict[str, Any]) -> None:
    outcome, _ = run(configured(epochs=8, iterations_per_epoch=10, **settings), tmp_path)
    assert outcome.history[-1]["train_loss"] < 0.8 * outcome.history[0]["train_loss"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"balance_centers": True}, *({"augmentation": name} for name in sorted(AUGMENTATIONS))],
)
def test_a_sample_is_the_same_whenever_it_is_drawn_and_differs_from_the_next(
    settings: dict[str, Any],
) -> None:
    samples = samples_of(configured(**settings))
    first, again, other = samples[3], samples[3], samples[4]
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_half_of_each_batch_is_forced_to_hold_foreground() -> None:
    samples = samples_of(configured(), (2, 3, 3))
    forced = [samples[number][1].any() for number in range(1, 24, 2)]
    assert all(forced)


def drawn(config: Config) -> Counter[str]:
    """How often each subject is drawn in 600 samples, told by a modality that holds its number."""
    marked = subjects()
    for number, prepared in enumerate(marked):
        prepared.image[2] = number
    samples = Samples(config, marked, CENTERS, (1, 1, 1), (), 1)
    return Counter(marked[int(samples[number][0][2, 0, 0, 0])].key for number in range(600))


def test_subjects_are_drawn_equally_often_and_large_centers_more_often() -> None:
    counts = drawn(configured(epochs=300))
    expected = 600 / 4
    assert sum((counts[key] - expected) ** 2 / expected for key in CENTERS) < 16.27  # 3 degrees, 0.001


def test_with_balance_centers_are_drawn_equally_often_and_their_subjects_too() -> None:
    counts = drawn(configured(epochs=300, balance_centers=True))
    expected = {"A-0": 100, "A-1": 100, "A-2": 100, "B-3": 300}
    assert sum((counts[key] - each) ** 2 / each for key, each in expected.items()) < 16.27


def test_balance_does_not_hang_on_the_order_of_the_centers() -> None:
    config = configured(balance_centers=True)
    turned = Samples(config, subjects()[3:] + subjects()[:3], CENTERS, PATCH, (), 1)
    for one, two in zip(samples_of(config)[7], turned[7], strict=True):
        np.testing.assert_array_equal(one, two)


def test_each_name_of_the_configuration_is_an_augmentation() -> None:
    assert set(get_args(Trainer.model_fields["augmentation"].annotation)) == set(AUGMENTATIONS)


@pytest.mark.parametrize("name", ["rotate90", "flip_noise"])
def test_light_augmentations_change_samples_and_need_no_torchio(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "torchio", None)
    plain, changed = samples_of(configured(epochs=20)), samples_of(configured(epochs=20, augmentation=name))
    images = [(plain[number][0], changed[number][0]) for number in range(40)]
    assert any(not np.array_equal(one, two) for one, two in images)
    assert all(two.shape == (3, *PATCH) and two.dtype == np.float32 for _, two in images)


def test_loader_processes_change_no_sample() -> None:
    inline = next(batches(samples_of(configured()), 0, Ranks()))
    beside = next(batches(samples_of(configured(loader_workers=1)), 0, Ranks()))
    assert torch.equal(inline.image, beside.image)
    assert torch.equal(inline.target, beside.target)


def _rank(rank: int, root: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{root}/meet", rank=rank, world_size=2)
    outcome, _ = run(configured(epochs=20, iterations_per_epoch=1, batch_size=2), Path(root) / "two")
    if rank == 0:
        (Path(root) / "losses.json").write_text(
            json.dumps([record["train_loss"] for record in outcome.history])
        )
    torch.distributed.barrier()  # the first to leave would break the connections of the other
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_workers_lose_the_same_as_one_with_the_doubled_batch(tmp_path: Path) -> None:
    multiprocessing.spawn(_rank, args=(str(tmp_path),), nprocs=2)
    two = json.loads((tmp_path / "losses.json").read_text())
    one, _ = run(configured(epochs=20, iterations_per_epoch=1, batch_size=4), tmp_path / "one")
    assert two == pytest.approx([record["train_loss"] for record in one.history], abs=1e-4)
    assert len(two) == 20
