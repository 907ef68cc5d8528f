"""Search spaces: one YAML file each, and what reads, checks and draws from them."""

from __future__ import annotations

from pathlib import Path

from search_spaces.beginning import expected_setting, first_setting, paper_setting, planned_trials
from search_spaces.parameter import Parameter
from search_spaces.repair import repaired
from search_spaces.space import SearchSpace
from search_spaces.subsets import availability_subsets

__all__ = [
    "DIRECTORY",
    "Parameter",
    "SearchSpace",
    "availability_subsets",
    "expected_setting",
    "first_setting",
    "paper_setting",
    "planned_trials",
    "repaired",
]

DIRECTORY = Path(__file__).parent
"""The folder of the YAML files of the `search_space` group."""
