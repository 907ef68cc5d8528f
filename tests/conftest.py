"""The order of the slow tests."""

from __future__ import annotations

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
