"""The epoch loop on four small volumes, with a network of two convolutions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as multiprocessing
from torch import nn
from training_cases import MemoryStore, samples_of, short_course

from study.config import ModalityDropout
from study.errors import TrainingError
from study.machine.runtime import Runtime
from study.records.training import TrainingFiles
from study.training.batches import Batch
from study.training.checkpoint import CheckpointStore
from study.training.course import Course
from study.training.epoch import Epoch, ValidationScores
from study.training.loop import Outcome, train
from study.training.losses import segmentation_loss
from study.training.ranks import Ranks


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(3, 6, 3, padding=1), nn.InstanceNorm3d(6), nn.LeakyReLU(), nn.Conv3d(6, 2, 1)
        )

    def forward(self, x: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        result: torch.Tensor = self.layers(x)
        return result


def run(
    course: Course,
    store: CheckpointStore | None = None,
    stop_at: int | None = None,
    network: nn.Module | None = None,
) -> tuple[Outcome, nn.Module]:
    torch.manual_seed(0)
    network = network or Net()
    samples = samples_of(course, world=Ranks.current().world)
    loss = segmentation_loss(course.trainer)

    def criterion(model: nn.Module, batch: Batch) -> torch.Tensor:
        assert model.training
        result: torch.Tensor = loss(model(batch.reduced, batch.code), batch.target)
        return result

    def validate(trained: nn.Module) -> ValidationScores:
        assert not trained.training
        return ValidationScores(0.0, 0.0, 0.0, float(next(trained.parameters()).detach().sum()))

    outcome = train(
        network,
        samples,
        store or MemoryStore(),
        criterion,
        Runtime.choose("cpu", "auto"),
        validate,
        lambda epoch: epoch.epoch == stop_at,
    )
    return outcome, network


def curve(outcome: Outcome) -> list[Epoch]:
    """The epochs but for the times."""
    return [replace(epoch, time_ms=0, seconds=0.0) for epoch in outcome.history]


def losses(outcome: Outcome) -> list[float]:
    return [epoch.train_loss for epoch in outcome.history]


def test_continuing_from_a_checkpoint_gives_the_same_curve_and_weights_as_never_having_stopped() -> None:
    whole, network = run(short_course())
    store = MemoryStore()
    first, _ = run(short_course(), store, stop_at=2)
    assert first.stopped
    assert len(first.history) == 2
    second, continued = run(short_course(), store)
    assert not second.stopped
    assert curve(second) == curve(whole)
    assert len(curve(whole)) == 4
    whole_weights, weights = network.state_dict(), continued.state_dict()
    assert weights.keys() == whole_weights.keys() != set()
    assert all(torch.equal(weights[name], whole_weights[name]) for name in weights)


@pytest.mark.parametrize("damaged", [1, 2], ids=["the last", "both"])
def test_after_damage_to_checkpoints_curve_and_weights_are_those_of_an_undisturbed_training(
    tmp_path: Path, damaged: int
) -> None:
    whole, network = run(short_course())
    store = TrainingFiles(tmp_path / "checkpoint.pt", tmp_path / "epochs.jsonl")
    run(short_course(), store, stop_at=2)
    for file in (store.checkpoint, store.before)[:damaged]:
        content = bytearray(file.read())
        content[len(content) // 2] ^= 1
        file.write(bytes(content))
    outcome, continued = run(short_course(), TrainingFiles(store.checkpoint.path, store.epochs.path))
    assert curve(outcome) == curve(whole)
    assert tuple(store.epochs.read()) == outcome.history
    weights = continued.state_dict()
    assert weights
    assert all(torch.equal(weights[name], tensor) for name, tensor in network.state_dict().items())


def test_the_loss_falls() -> None:
    outcome, _ = run(short_course(epochs=8, iterations_per_epoch=10))
    assert losses(outcome)[-1] < 0.6 * losses(outcome)[0]


def test_every_epoch_is_saved_with_those_before_it() -> None:
    store = MemoryStore()
    outcome, _ = run(short_course(), store)
    assert store.saved == 4
    assert store.epochs == outcome.history
    assert [epoch.epoch for epoch in store.epochs] == [1, 2, 3, 4]
    assert [epoch.validation is not None for epoch in store.epochs] == [False, True, False, True]


def test_the_list_of_epochs_is_mended_where_it_lags_behind_the_checkpoint() -> None:
    store = MemoryStore()
    outcome, _ = run(short_course(), store)
    store.epochs = store.epochs[:-1]
    again, _ = run(short_course(), store)
    assert store.epochs == again.history == outcome.history


def test_an_end_asked_for_after_the_last_epoch_is_no_early_stop() -> None:
    outcome, _ = run(short_course(), stop_at=4)
    assert not outcome.stopped


def test_rungs_are_validated_too() -> None:
    outcome, _ = run(replace(short_course(validate_every=50), rungs=(1,)))
    assert [epoch.validation is not None for epoch in outcome.history] == [True, False, False, True]


def test_shares_of_dropped_samples_are_recorded_for_droppable_modalities_alone() -> None:
    dropout = ModalityDropout(droppable=("ADC", "B0"), drop_probability=1)
    outcome, _ = run(replace(short_course(), dropout=dropout))
    assert [epoch.dropped for epoch in outcome.history][:2] == [{"ADC": 1.0, "B0": 1.0}] * 2


def test_a_loss_that_is_not_finite_ends_the_training_with_epoch_and_remedy() -> None:
    network, store = Net(), MemoryStore()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"loss is nan in epoch 1; lower trainer\.learning_rate"):
        run(short_course(), store, network=network)
    assert not store.saved


def test_each_epoch_is_trained_and_recorded_at_its_learning_rate() -> None:
    outcome, _ = run(short_course(learning_rate=0.1, decay="step", decay_from=0.5))
    assert [epoch.learning_rate for epoch in outcome.history] == pytest.approx([0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "focal", "optimizer": "adam", "beta1": 0.5, "learning_rate": 0.05},
        {"loss": "dice", "optimizer": "adamw", "learning_rate": 0.05},
        {"loss": "ce", "decay": "none"},
    ],
)
def test_other_losses_and_optimisers_train_too(settings: dict[str, Any]) -> None:
    outcome, _ = run(short_course(epochs=8, iterations_per_epoch=10, **settings))
    assert losses(outcome)[-1] < 0.8 * losses(outcome)[0]


def _rank(rank: int, root: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{root}/meet", rank=rank, world_size=2)
    outcome, _ = run(short_course(epochs=20, iterations_per_epoch=1, batch_size=2))
    if rank == 0:
        (Path(root) / "losses.json").write_text(json.dumps(losses(outcome)))
    torch.distributed.barrier()  # the first to leave would break the connections of the other
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_workers_lose_the_same_as_one_with_the_doubled_batch(tmp_path: Path) -> None:
    multiprocessing.spawn(_rank, args=(str(tmp_path),), nprocs=2)
    two = json.loads((tmp_path / "losses.json").read_text())
    one, _ = run(short_course(epochs=20, iterations_per_epoch=1, batch_size=4))
    assert two == pytest.approx(losses(one), abs=1e-4)
    assert len(two) == 20
