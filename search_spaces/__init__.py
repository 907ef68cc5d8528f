"""What is searched: one YAML file per space, and `space.py`, which reads them."""

from __future__ import annotations

from pathlib import Path

from search_spaces.parameter import Parameter
from search_spaces.space import SearchSpace

__all__ = ["DIRECTORY", "Parameter", "SearchSpace"]

DIRECTORY = Path(__file__).parent
"""Where the YAML files of the `search_space` group lie."""
