from __future__ import annotations

import pytest
import torch
from torch import nn
from training_cases import MemoryStore

from study.errors import TrainingError
from study.training.checkpoint import TrainingState
from study.training.epoch import Epoch

HISTORY = [Epoch(1, 7, 0.5, 0.25, 0.01, 0.75, {"B0": 0.5})]


def state_of(seed: int, outputs: int = 2) -> TrainingState:
    """A network after one step of Adam."""
    torch.manual_seed(seed)
    network = nn.Linear(3, outputs)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return TrainingState(network, optimizer, torch.amp.GradScaler("cpu", enabled=False))


def test_without_a_checkpoint_nothing_changes() -> None:
    state = state_of(0)
    before = state.network.weight.clone()
    assert state.restore(MemoryStore()) == []
    assert torch.equal(state.network.weight, before)


def test_network_optimiser_epochs_and_random_numbers_are_restored() -> None:
    store, saved, restored = MemoryStore(), state_of(1), state_of(2)
    saved.save(store, HISTORY)
    expected = torch.rand(3)
    assert restored.restore(store) == HISTORY
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(restored.network.weight, saved.network.weight)
    (one, *_), (other, *_) = (each.optimizer.state.values() for each in (saved, restored))
    assert torch.equal(one["exp_avg"], other["exp_avg"])
    assert store.epochs == tuple(HISTORY)


@pytest.mark.parametrize("damage", [b"", b"no checkpoint", None], ids=["empty", "other", "cut"])
def test_a_damaged_checkpoint_is_named_with_a_remedy(damage: bytes | None) -> None:
    store = MemoryStore()
    state_of(0).save(store, HISTORY)
    assert store.checkpoint is not None
    store.checkpoint = store.checkpoint[:100] if damage is None else damage
    message = "the store: the checkpoint does not fit this network or is damaged .*; remove it"
    with pytest.raises(TrainingError, match=message):
        state_of(0).restore(store)


def test_a_checkpoint_of_another_network_is_refused() -> None:
    store = MemoryStore()
    state_of(0).save(store, HISTORY)
    with pytest.raises(TrainingError, match="does not fit this network"):
        state_of(0, outputs=4).restore(store)
