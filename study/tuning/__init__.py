"""Many trainings: Ray Tune runs them, Optuna chooses them, Ray Train spreads one of them over workers."""

from __future__ import annotations

from study.tuning.cluster import check_reachable
from study.tuning.driver import run_search

__all__ = ["check_reachable", "run_search"]
