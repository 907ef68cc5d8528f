"""What a search runs: how many trials of what, chosen how, on which resources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces import SearchSpace, planned_trials
from study.config import ModalityDropout, Objective, Schedule, Study, Trainer, Tuning

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class SearchPlan:
    """One search.

    Attributes:
        study: name, seed, number of trials and how many run at a time.
        trainer: epochs, validation and the resources of one trial.
        tuning: sampler, scheduler, database.
        objective: what trials are compared by.
        schedule: of a training that does not search its own.
        dropout: likewise.
        space: what is sampled for each trial; post-processing settings are excluded.
        cluster: local, auto, or the address of a cluster.
        cache: folder of the prepared subjects on the driver's machine.
        settings: the full configuration as plain values, which each trial's process receives unread.
        given: the values of each trial by number, where they are not sampled.
    """

    study: Study
    trainer: Trainer
    tuning: Tuning
    objective: Objective
    schedule: Schedule
    dropout: ModalityDropout
    space: SearchSpace
    cluster: str
    cache: Path
    settings: Mapping[str, Any]
    given: tuple[Mapping[str, Any], ...] = ()

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """The values of a new trial, by dotted path."""
        return dict(self.given[trial.number]) if self.given else self.space.suggest(trial)

    @property
    def planned(self) -> list[dict[str, Any]]:
        """What Optuna is told of each trial before it draws the rest, by number; nothing of values that are given."""
        return [] if self.given else planned_trials(self.space, self.study.trials)
