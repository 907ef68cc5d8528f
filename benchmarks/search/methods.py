"""The searches that are compared, as arguments of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.search.surrogate import Surrogate
from search_spaces.words import value_text

__all__ = ["DEFAULT", "FIFO", "methods"]

DEFAULT, FIFO = "default", "TPE"  # what a study does by itself, and a search that stops no trial
WHOLE, EARLY = "tuning.scheduler=none", "tuning.wait_for_fade_out=false"
EXPECTED = ("modality_dropout.drop_probability", "schedule.shape", "trainer.learning_rate")
SURE = {"width": 0.1, "chance": 0.7}  # how sure the user is: of a number, and of a choice


def methods(surrogate: Surrogate) -> dict[str, list[str]]:
    """The arguments of each search, by name."""
    clock = surrogate.config.schedule.clock
    best, worst = surrogate.extremes(clock)
    return {
        DEFAULT: [],
        "random": ["tuning.sampler=random", WHOLE],
        FIFO: [WHOLE],
        "ASHA, clock=trial, early": ["schedule.clock=trial", "tuning.scheduler=asha", EARLY],
        "ASHA, clock=trial": ["schedule.clock=trial", "tuning.scheduler=asha"],
        "ASHA, clock=rung": ["schedule.clock=rung", "tuning.scheduler=asha"],
        "Hyperband, clock=rung": ["schedule.clock=rung", "tuning.scheduler=hyperband"],
        "median, clock=rung": ["schedule.clock=rung", "tuning.scheduler=median"],
        "TPE, right priors": [WHOLE, *_priors(best)],
        "TPE, wrong priors": [WHOLE, *_priors(worst)],
    }


def _priors(values: Mapping[str, Any]) -> list[str]:
    """A user's expectations that lie at these values."""
    arguments = []
    for path in EXPECTED:
        key = "chance" if isinstance(values[path], str) else "width"
        prior = f"{{at: {value_text(values[path])}, {key}: {SURE[key]}}}"
        arguments.append(f"search_space.{path}.prior={prior}")
    return arguments
