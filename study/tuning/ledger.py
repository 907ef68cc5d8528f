"""The database of a study, through Optuna: which trials there are, and how they ended.

It is the only truth: a killed study is resumed from here and from the trials' folders, never from Ray's snapshots.
Trial n of the database has folder n. States, as Optuna names them:

- RUNNING: suggested and not ended. In a database without a driver the trial was interrupted. It is handed out again
  under its own number with its own parameters, and continues from its checkpoint.
- COMPLETE, PRUNED, FAIL: ended; never run again, unless the user has removed the result. Then the trial is handed out
  once more, to be judged again from its last checkpoint; the database stays as it is. FAIL are trials whose training
  failed (the loss was not finite, the worker died too often); the sampler ignores them.
- WAITING: enqueued, by hand through Optuna or because the search begins with it (`search_spaces.beginning`); handed
  out before anything new is sampled.
"""

from __future__ import annotations

import _thread
import functools
import math
import threading
from collections.abc import Callable, Container, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from study.errors import StudyError
from study.records import CompleteTrial, PrunedTrial, StudyFolder, TrialFolder
from study.records.goals import goals_of, is_higher_better
from study.tuning.database import open_database
from study.tuning.outcome import write_failure
from study.tuning.search_plan import SearchPlan

if TYPE_CHECKING:
    import optuna

    from study.tuning.lease import Lease

Returned = TypeVar("Returned")
STOPPED = "fadeout.stopped"  # attribute of a trial that was told to stop


def _one_at_a_time(method: Callable[..., Returned]) -> Callable[..., Returned]:
    """A method of a ledger that one thread runs at a time."""

    @functools.wraps(method)
    def locked(self: Ledger, *arguments: Any) -> Returned:
        with self._lock:
            return method(self, *arguments)

    return locked


class Ledger:
    """Hands out trials and records how they end; may be used from several threads.

    It drives the study: the caller holds the folder's lock (`StudyFolder.driven`), the ledger the lease in the database
    (`study.tuning.lease`), which is renewed within a `with` statement and given back at its end. There, too, a database
    that goes away is waited for. The methods that read or write it raise StudyError if it stays away, and
    TakenOverError if another driver has taken over.

    Raises:
        StudyError: the database cannot be opened, or holds trials of another study folder under this name; another
            driver runs the study.
    """

    def __init__(self, plan: SearchPlan, folder: StudyFolder) -> None:
        from study.tuning.sampling import TrialSampler

        self._plan = plan
        self._folder = folder
        self._lock = threading.RLock()
        self._database = open_database(
            plan.tuning.storage,
            plan.study.name,
            folder.path,
            folder.database,
            is_higher_better(plan.objective),
        )
        self._study = self._database.study
        self._study.sampler = TrialSampler(plan.tuning, plan.study.seed, plan.space.priors)
        self._trials: dict[int, optuna.trial.BaseTrial] = {}  # handed out and not ended
        self._reported: dict[int, set[int]] = {}  # their epochs that the database has
        try:
            _check_same_folder(self._study, plan, folder)
            self._enqueue()
            # Their results are on disk; the driver died before it told the database.
            self.settled = [*self._settle(), *self._fail_again()]
            self._lost = {frozen.number for frozen in self._without_result()}
            self._interrupted = self._to_hand_out()
            self._stopped = {trial.number for trial in self._interrupted if STOPPED in trial.user_attrs}
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        self._database.lease.keep(on_loss=_thread.interrupt_main)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._database.close()
        if isinstance(error, KeyboardInterrupt):
            self.lease.check_known()

    @property
    def lease(self) -> Lease:
        """The lease; its `check` must precede each writing of a file of the study."""
        return self._database.lease

    @property
    def interrupted(self) -> int:
        """How many interrupted trials have not been handed out yet."""
        return len(self._interrupted)

    @property
    def ended(self) -> int:
        """How many trials have ended: complete, pruned or failed, with a result."""
        return len([trial for trial in self.trials() if trial.state.is_finished()]) - len(self._lost)

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials of the database by number."""
        return list(self._study.get_trials(deepcopy=False))

    def chosen(self, number: int) -> Mapping[str, Any]:
        """The values that a trial was handed out with, by dotted path."""
        return self._folder.trial(number).searched()

    def intermediate_values(self) -> Mapping[int, Mapping[int, float]]:
        """The objective of each trial at its validation epochs."""
        return {trial.number: dict(sorted(trial.intermediate_values.items())) for trial in self.trials()}

    @_one_at_a_time
    def take_back(self) -> None:
        """Note that nothing runs any more: all trials that have not ended are interrupted ones."""
        self._interrupted = self._to_hand_out()

    @_one_at_a_time
    def next_trial(self) -> optuna.trial.BaseTrial:
        """An interrupted trial, or else a new one.

        The sampler's randomness depends on the study's seed and the trial's number alone: a resumed study
        does not draw its first points again.
        """
        import optuna

        reported: set[int] = set()
        trial: optuna.trial.BaseTrial
        if self._interrupted:
            trial = frozen = self._interrupted.pop(0)
            reported = set(frozen.intermediate_values)
            if frozen.number not in self._lost:
                trial = optuna.Trial(self._study, frozen._trial_id)
                self._database.storage.hand_out(frozen._trial_id)
        else:
            trial = self._study.ask()
        self._trials[trial.number], self._reported[trial.number] = trial, reported
        return trial

    @_one_at_a_time
    def report(self, number: int, epoch: int, value: float) -> bool:
        """Store the objective at a validated epoch; False if it was stored before, and is not overwritten."""
        if epoch in self._reported[number]:
            return False
        self._store(self._trials[number], epoch, value)
        self._reported[number].add(epoch)
        return True

    @_one_at_a_time
    def stop(self, number: int) -> None:
        """Record the decision to stop a trial, which then holds even if the trial's process dies first."""
        if number not in self._stopped:
            self._trials[number].set_user_attr(STOPPED, True)
            self._stopped.add(number)

    def is_stopped(self, number: int) -> bool:
        """Whether a trial was told to stop."""
        return number in self._stopped

    @_one_at_a_time
    def end(self, number: int) -> None:
        """Store how a trial ended, as its result says, once."""
        import optuna

        if number not in self._trials:
            return
        if isinstance(trial := self._trials[number], optuna.Trial):
            self._tell(trial, self._folder.trial(number), self._reported[number])
        self._lost.discard(number)
        del self._trials[number], self._reported[number]

    def _store(self, trial: optuna.trial.BaseTrial, epoch: int, value: float) -> None:
        """Store a report of a trial that has not ended; Optuna's own method refuses several objectives."""
        import optuna

        if isinstance(trial, optuna.Trial):
            self._database.storage.set_trial_intermediate_value(trial._trial_id, epoch, value)

    def _to_hand_out(self) -> list[optuna.trial.FrozenTrial]:
        """Trials that have begun and have no result."""
        return [
            trial for trial in self.trials() if trial.state.name == "RUNNING" or trial.number in self._lost
        ]

    def _without_result(self) -> list[optuna.trial.FrozenTrial]:
        """Trials that have ended, and whose results have been removed."""
        ended = [trial for trial in self.trials() if trial.state.is_finished()]
        return [trial for trial in ended if not self._folder.trial(trial.number).result.exists]

    def _enqueue(self) -> None:
        """Enqueue the trials that the search begins with, and the turns of parameters with `in_turn`."""
        for values in self._plan.planned[len(self.trials()) :]:
            self._study.enqueue_trial(values)

    def _settle(self) -> list[int]:
        import optuna

        settled = []
        for frozen in self.trials():
            folder = self._folder.trial(frozen.number)
            if frozen.state.name == "RUNNING" and folder.result.exists:
                trial = optuna.Trial(self._study, frozen._trial_id)
                self._tell(trial, folder, frozen.intermediate_values)
                settled.append(frozen.number)
        return settled

    def _fail_again(self) -> list[int]:
        """Write the results of trials that have failed: there is no network to judge."""
        failed = [
            trial.number
            for trial in self._without_result()
            if trial.state.name == "FAIL" and not self._folder.trial(trial.number).weights.exists
        ]
        for number in failed:
            self.lease.check()
            write_failure(
                self._folder.trial(number), "why it failed is lost, with the result that was removed"
            )
        return failed

    def _tell(self, trial: optuna.Trial, folder: TrialFolder, reported: Container[int]) -> None:
        import optuna

        states = optuna.trial.TrialState
        for epoch in folder.training.epochs.read():  # a driver that was killed has lost the last report
            if epoch.validation is not None and epoch.epoch not in reported:
                self._store(trial, epoch.epoch, epoch.objective)
        result = folder.result.read()
        if isinstance(result, PrunedTrial):
            self._study.tell(trial, state=states.PRUNED, skip_if_finished=True)
        elif isinstance(result, CompleteTrial) and all(
            map(math.isfinite, values := goals_of(result, self._plan.objective))
        ):
            self._study.tell(trial, values, state=states.COMPLETE, skip_if_finished=True)
        else:
            self._study.tell(trial, state=states.FAIL, skip_if_finished=True)


def _check_same_folder(study: optuna.Study, plan: SearchPlan, folder: StudyFolder) -> None:
    ended = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    for trial in ended:
        own = folder.trial(trial.number)
        if not own.result.exists and not _is_of(trial, own):
            raise StudyError(
                f"tuning.storage: trial {trial.number} of '{plan.study.name}' has ended in the database, but "
                f"{own.result.path} is missing: the database belongs to another folder, or the "
                "trial's was removed; choose another study.name or tuning.storage"
            )


def _is_of(trial: optuna.trial.FrozenTrial, folder: TrialFolder) -> bool:
    """Whether a folder holds what the database knows of the trial's training."""
    epochs = {epoch.epoch for epoch in folder.training.epochs.read() if epoch.validation is not None}
    return folder.parameters.exists and trial.intermediate_values.keys() <= epochs
