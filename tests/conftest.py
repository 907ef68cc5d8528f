"""The order of the slow tests, and what tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

LONGEST_FIRST = (
    "test_three_hosts",
    "test_learns",
    "test_ten_kills",
    "test_newcomer",
)  # files that take minutes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no process is left alone with one at the end."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """Distributed training with a single process."""
    import torch

    torch.distributed.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()
