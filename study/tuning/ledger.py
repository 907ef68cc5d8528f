"""The database of a study, through Optuna: which trials there are, and how they ended.

It is the only truth: a study that was killed goes on from here and from the trial folders, never from Ray's
snapshots. Trial n of the database lies in folder n. States, as Optuna names them:

- RUNNING: suggested and not ended. In a database that no driver holds, the trial was interrupted. It is
  handed out again under its own number with its own parameters, so that it continues from its checkpoint.
- COMPLETE, PRUNED, FAIL: ended; never run again. FAIL are trials whose training could not go on (the loss was
  not finite, the worker died too often); the sampler leaves them out.
- WAITING: enqueued, by hand through Optuna or because a parameter's choices are gone through in turn; handed out
  before anything new is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from search_spaces import SearchSpace
from search_spaces.parameter import encode
from study.config import Config, Tuning
from study.errors import StudyError
from study.results import StudyFolder, TrialFolder
from study.tuning.outcome import write_failure

if TYPE_CHECKING:
    import optuna


class Ledger:
    """Hands out trials and writes down what becomes of them.

    Raises:
        StudyError: the database cannot be opened, or holds trials of another study folder under this name.
    """

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        self._config = config
        self._folder = folder
        self._study = _open(config, folder)
        self._enqueue_in_turn()
        self._trials: dict[int, optuna.Trial] = {}
        self.settled = self._settle()  # ended on disk while a driver died; told to the database just now
        self._interrupted = [trial for trial in self.trials() if trial.state.name == "RUNNING"]

    @property
    def interrupted(self) -> int:
        """How many interrupted trials have not been handed out yet."""
        return len(self._interrupted)

    @property
    def ended(self) -> int:
        """How many trials have ended, whatever the end."""
        return sum(trial.state.is_finished() for trial in self.trials())

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials of the database by number."""
        return list(self._study.get_trials(deepcopy=False))

    def intermediate_values(self) -> Mapping[int, Mapping[int, float]]:
        """The objective of each trial at its validation epochs."""
        return {trial.number: dict(sorted(trial.intermediate_values.items())) for trial in self.trials()}

    def next_trial(self) -> optuna.Trial:
        """An interrupted trial, or else a new one.

        The sampler's randomness depends on the study's seed and the trial's number alone: a resumed study
        does not draw its first points again.
        """
        import optuna

        number = self._interrupted[0].number if self._interrupted else self._next_number()
        self._study.sampler = make_sampler(self._config.tuning, self._config.study.seed, number)
        if self._interrupted:
            trial = optuna.Trial(self._study, self._interrupted.pop(0)._trial_id)
        else:
            trial = self._study.ask()
        self._trials[trial.number] = trial
        return trial

    def report(self, number: int, epoch: int, value: float) -> None:
        """Store the objective at a validation epoch; once stored it stays."""
        trial = self._trials[number]
        if epoch not in self.trials()[number].intermediate_values:
            trial.report(value, epoch)

    def end(self, number: int) -> None:
        """Store how a trial ended, by its result file; a trial without one has failed."""
        folder = self._folder.trial(number)
        if folder.read_result() is None:
            write_failure(
                folder, "the process of the trial died, and its restarts are used up (tuning.max_failures)"
            )
        self._tell(self._trials[number], folder)

    def _next_number(self) -> int:
        trials = self.trials()
        return next((trial.number for trial in trials if trial.state.name == "WAITING"), len(trials))

    def _enqueue_in_turn(self) -> None:
        """What is gone through in turn, again and again as long as there are trials for it."""
        turns = SearchSpace.parse(self._config.search_space, self._config).turns
        if not turns:
            return
        for number in range(len(self.trials()), self._config.study.trials):
            turn = turns[number % len(turns)]
            self._study.enqueue_trial({path: encode(choice) for path, choice in turn.items()})

    def _settle(self) -> list[int]:
        import optuna

        settled = []
        for frozen in self.trials():
            folder = self._folder.trial(frozen.number)
            if frozen.state.name == "RUNNING" and folder.read_result() is not None:
                self._tell(optuna.Trial(self._study, frozen._trial_id), folder)
                settled.append(frozen.number)
        return settled

    def _tell(self, trial: optuna.Trial, folder: TrialFolder) -> None:
        import optuna

        states = optuna.trial.TrialState
        frozen = self.trials()[trial.number]
        if frozen.state.is_finished():
            return
        for line in folder.read_epochs():  # the last report is lost if the driver was killed with it
            if line.get("objective") is not None and line["epoch"] not in frozen.intermediate_values:
                trial.report(line["objective"], line["epoch"])
        result = folder.read_result() or {}
        value = result.get("value")
        if result.get("state") == "pruned":
            self._study.tell(trial, state=states.PRUNED)
        elif result.get("state") == "complete" and value is not None and math.isfinite(value):
            self._study.tell(trial, value, state=states.COMPLETE)
        else:
            self._study.tell(trial, state=states.FAIL)


def make_sampler(tuning: Tuning, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of one trial."""
    import numpy as np
    import optuna

    drawn = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if tuning.sampler == "random":
        return optuna.samplers.RandomSampler(seed=drawn)
    return optuna.samplers.TPESampler(seed=drawn, n_startup_trials=tuning.startup_trials)


def _open(config: Config, folder: StudyFolder) -> optuna.Study:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = config.tuning.storage or f"sqlite:///{(folder.path / 'optuna.db').absolute()}"
    try:
        study = optuna.create_study(
            storage=url, study_name=config.study.name, direction="maximize", load_if_exists=True
        )
    except (SQLAlchemyError, ImportError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StudyError(
            f"tuning.storage: the database cannot be opened ({type(error).__name__}: {reason}); "
            "give an Optuna URL such as postgresql://user@host/name, or null for SQLite in the study's folder"
        ) from None
    ended = [trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    if strange := [number for number in ended if not folder.trial(number).result.is_file()]:
        raise StudyError(
            f"tuning.storage: trial {strange[0]} of '{config.study.name}' has ended in the database, but "
            f"{folder.trial(strange[0]).result} is missing: the database belongs to another folder, or the "
            "trial's was removed; choose another study.name or tuning.storage"
        )
    return study
