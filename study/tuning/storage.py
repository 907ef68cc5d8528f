"""Optuna's storage in a database that may go away between any two statements. Imports Optuna."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from optuna.storages import RDBStorage, _CachedStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.tuning.outages import Patience

__all__ = ["HANDED_OUT", "WaitingStorage"]

HANDED_OUT = "fadeout:handed_out"  # attribute of a trial: who handed it out, and as which of its trials
# Reading, and writing of one value under one key: to repeat them changes nothing.
REPEATABLE = (
    "get_all_trials",
    "get_study_directions",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_system_attrs",
    "get_study_user_attrs",
    "get_trial",
    "get_trial_id_from_study_id_trial_number",
    "set_study_system_attr",
    "set_study_user_attr",
    "set_trial_intermediate_value",
    "set_trial_param",
    "set_trial_system_attr",
    "set_trial_user_attr",
)
Result = TypeVar("Result")


class WaitingStorage(_CachedStorage):  # type: ignore[misc]
    """Waits for a database that is away, and carries out each operation once.

    An operation whose answer was lost may have been carried out. It is repeated where that changes nothing; for the
    two where it would, the database is asked first. Each method raises StudyError if the database stays away.

    Args:
        backend: raises DatabaseAwayError where an error passes.
        patience: waits.
        token: of the driver, which marks the trials that it hands out.
    """

    def __init__(self, backend: RDBStorage, patience: Patience, token: str) -> None:
        super().__init__(backend)
        self._patience = patience
        self._marks = (f"{token}/{count}" for count in itertools.count())
        for name in REPEATABLE:
            setattr(self, name, _repeated(patience, getattr(self, name)))

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Create a study; raises Optuna's DuplicatedStudyError if it exists, maybe by an attempt before."""
        return self._patience.insist(
            lambda again: _id(super(WaitingStorage, self).create_new_study(directions, study_name))
        )

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create one trial, marked by whom; returns its id."""
        template = copy.deepcopy(template_trial) or create_trial(state=TrialState.RUNNING)
        mark = next(self._marks)
        template.system_attrs = {**template.system_attrs, HANDED_OUT: mark}

        def create(again: bool) -> int:
            made = self._marked(study_id, mark) if again else None
            return (
                _id(super(WaitingStorage, self).create_new_trial(study_id, template))
                if made is None
                else made
            )

        return self._patience.insist(create)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set the state of a trial; returns whether it has been set by this call, whichever attempt did it."""

        def store(again: bool) -> bool:
            if again and self._is_stored(trial_id, state, values):
                return True
            return bool(super(WaitingStorage, self).set_trial_state_values(trial_id, state, values))

        return self._patience.insist(store)

    def close(self) -> None:
        """Close all connections."""
        self._backend.remove_session()
        self._backend.engine.dispose()

    def hand_out(self, trial_id: int) -> None:
        """Mark an interrupted trial that this driver continues."""
        self.set_trial_system_attr(trial_id, HANDED_OUT, next(self._marks))

    def _marked(self, study_id: int, mark: str) -> int | None:
        trials: list[FrozenTrial] = self.get_all_trials(study_id, deepcopy=False)
        return next((_id(t._trial_id) for t in trials if t.system_attrs.get(HANDED_OUT) == mark), None)

    def _is_stored(self, trial_id: int, state: TrialState, values: Sequence[float] | None) -> bool:
        """Whether the trial is as this driver wanted it; nobody else writes, as it holds the lease."""
        trial = self.get_trial(trial_id)
        return bool(trial.state == state and (values is None or list(values) == trial.values))


def _repeated(patience: Patience, method: Callable[..., Result]) -> Callable[..., Result]:
    def waiting(*arguments: Any, **named: Any) -> Result:
        return patience.insist(lambda again: method(*arguments, **named))

    return waiting


def _id(number: Any) -> int:
    return int(number)
