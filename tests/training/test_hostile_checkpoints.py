"""A checkpoint of whatever content, its digest included, ends with a TrainingError or is taken."""

from __future__ import annotations

import pytest
import torch
from hostile import damaged_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from training_cases import MemoryStore

from study.errors import TrainingError
from study.training.checkpoint import TrainingState
from study.training.epoch import Epoch

HISTORY = [Epoch(1, 7, 0.5, 0.25, 0.01, 0.75, {"B0": 0.5})]


def state() -> TrainingState:
    network = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return TrainingState(network, optimizer, torch.amp.GradScaler("cpu", enabled=False))


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    store = MemoryStore()
    state().save(store, HISTORY)
    assert store.checkpoint is not None
    return store.checkpoint


def outcome(content: bytes) -> str:
    store = MemoryStore()
    store.checkpoint = content
    try:
        epochs = state().restore(store)
    except TrainingError as error:
        return str(error)
    return f"the store: {len(epochs)} epochs"


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.data())
def test_any_content(checkpoint: bytes, data: st.DataObject) -> None:
    assert outcome(data.draw(damaged_bytes(checkpoint))).startswith("the store: ")


@pytest.mark.parametrize("key", ["network", "optimizer", "scaler", "history", "torch_random", "cuda_random"])
@pytest.mark.parametrize("value", [None, 3, "x", [], {"a": torch.ones(2)}, torch.ones(3)], ids=str)
def test_any_value_in_a_part(key: str, value: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = MemoryStore()
    state().save(store, HISTORY)
    path = tmp_path_factory.mktemp("checkpoint") / "c.pt"
    path.write_bytes(store.checkpoint or b"")
    content = torch.load(path, weights_only=True)
    torch.save({**content, key: value}, path)
    said = outcome(path.read_bytes())
    assert "does not fit this network or is damaged" in said or said == "the store: 1 epochs"
    del content[key]
    torch.save(content, path)
    assert "does not fit this network or is damaged" in outcome(path.read_bytes())
