"""Where a trial may be compared with others: not before its modalities have faded out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.config import Schedule
from study.config.values import with_values
from study.training.rungs import comparable_rungs
from study.tuning.search_plan import SearchPlan

__all__ = ["Comparable"]

SCHEDULE, DROPPABLE = "schedule.", "modality_dropout.droppable"


class Comparable:
    """Says at which epochs which trials may be compared.

    A trial that has not lived through its fade-out looks better on full data than it will be, and worse on missing
    data: trials with other schedules would be stopped for being further on. With `tuning.wait_for_fade_out`, such a
    rung is passed over, also as a bar for others.

    Args:
        plan: of the search.
        rungs: finished epochs at which trials are compared, ascending.
        chosen: the values of a trial by dotted path.
    """

    def __init__(
        self, plan: SearchPlan, rungs: Sequence[int], chosen: Callable[[int], Mapping[str, Any]]
    ) -> None:
        self._plan, self._rungs, self._chosen = plan, rungs, chosen
        paths = [parameter.path for parameter in plan.space.parameters]
        self._varies = any(path.startswith(SCHEDULE) or path == DROPPABLE for path in paths)
        self._known: dict[int, frozenset[int]] = {}  # by trial, or under -1 for all

    def at(self, number: int, epoch: int) -> bool:
        """Whether a trial may be compared at an epoch; one beyond a rung counts as the rung."""
        if not self._plan.tuning.wait_for_fade_out:
            return True
        key = number if self._varies else -1
        if key not in self._known:
            values = self._chosen(number) if self._varies else {}
            self._known[key] = self._rungs_of(values)
        rung = max((rung for rung in self._rungs if rung <= epoch), default=0)
        return rung in self._known[key]

    def _rungs_of(self, values: Mapping[str, Any]) -> frozenset[int]:
        own = {
            path.removeprefix(SCHEDULE): value for path, value in values.items() if path.startswith(SCHEDULE)
        }
        schedule = Schedule.model_validate(with_values(self._plan.schedule.model_dump(), own))
        droppable = values.get(DROPPABLE, self._plan.dropout.droppable)
        return frozenset(comparable_rungs(schedule, droppable, self._plan.trainer.epochs, self._rungs))
