"""Many trainings: Ray Tune runs them, Optuna chooses them, Ray Train spreads one of them over workers."""

from __future__ import annotations

from study.tuning.driver import run_search

__all__ = ["run_search"]
