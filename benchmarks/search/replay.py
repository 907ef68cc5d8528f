"""One search, replayed: all of a study's own tuner but Ray, with epochs as the clock.

The database, the sampler, the rungs, the stopping rule, the results on disk and the rule that names the winner are
those of a study. Only the training is not: its reports are a surrogate's. Several workers train at a time, an epoch
takes a unit of time, and reports arrive in its order.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.search.curves import Recording
from benchmarks.search.surrogate import Surrogate, Values
from study.commandline.composition import compose
from study.config import Config
from study.records import CompleteTrial, PrunedTrial, StudyFolder
from study.records.goals import best_first
from study.tuning.judgement import Judgement
from study.tuning.ledger import Ledger
from study.tuning.messages import Report
from study.workflow.searching import search_plan

__all__ = ["Progress", "replay", "replay_file"]

NAME = "search"


@dataclass(frozen=True)
class Progress:
    """How a search went.

    Attributes:
        epochs: trained in all when a trial had ended, ascending.
        worth: of the winner at that time, without its luck.
        trials: that ended.
        stopped: of these, early.
    """

    epochs: tuple[int, ...]
    worth: tuple[float, ...]
    trials: int
    stopped: int


@dataclass(order=True)
class _Running:
    """A trial and the time of its next report."""

    time: int
    number: int
    values: dict[str, Any] = field(compare=False)
    curve: Values = field(compare=False)
    begun: int = field(compare=False)
    reported: int = field(default=0, compare=False)  # validated epochs


def replay(surrogate: Surrogate, settings: Sequence[str], seed: int, epochs: int, workers: int) -> Progress:
    """Search until so many epochs have been trained.

    Args:
        surrogate: says what a training reports.
        settings: arguments of the study besides those of the recording.
        seed: of the study, and of the luck of its trials.
        epochs: to be spent in all.
        workers: trainings at a time.
    """
    with tempfile.TemporaryDirectory() as root:
        most = max(epochs // min(surrogate.epochs), 1)
        places = [f"study.root={root}", f"study.name={NAME}", f"study.seed={seed}", f"study.trials={most}"]
        config = compose([*surrogate.settings, *settings, *places])
        folder = StudyFolder(Path(root), NAME)
        folder.config.write(config)
        plan = search_plan(config)
        with Ledger(plan, folder) as ledger:
            search = _Search(config, folder, ledger, surrogate, seed)
            return search.run(epochs, workers)


def replay_file(data: Path, settings: Sequence[str], seed: int, *, epochs: int, workers: int) -> Progress:
    """`replay` on a file of recorded curves, for a process of its own."""
    return replay(_surrogate(data), settings, seed, epochs, workers)


@cache
def _surrogate(data: Path) -> Surrogate:
    return Surrogate(Recording.read(data))


class _Search:
    """The state of a replayed search."""

    def __init__(
        self, config: Config, folder: StudyFolder, ledger: Ledger, surrogate: Surrogate, seed: int
    ) -> None:
        self._objective = config.objective
        self._folder, self._ledger, self._surrogate, self._seed = folder, ledger, surrogate, seed
        self._plan = search_plan(config)
        self._judge = Judgement(self._plan, ledger, _nothing, _nothing)
        self._base = {"schedule.clock": config.schedule.clock}
        self._running: list[_Running] = []
        self._worth: dict[int, float] = {}
        self._complete: list[CompleteTrial] = []
        self._spent = 0

    def run(self, epochs: int, workers: int) -> Progress:
        for _ in range(workers):
            self._begin(0)
        progress = list(self._until(epochs))
        spent, worth = zip(*progress, strict=True) if progress else ((), ())
        ended = len(self._worth) - len(self._running)
        return Progress(tuple(spent), tuple(worth), ended, ended - len(self._complete))

    def _until(self, epochs: int) -> Iterator[tuple[int, float]]:
        """Epochs spent and the winner's worth, each time that a trial is complete."""
        validated = self._surrogate.epochs
        while self._spent < epochs:
            trial = heapq.heappop(self._running)
            epoch, before = validated[trial.reported], validated[trial.reported - 1] if trial.reported else 0
            self._spent += epoch - before
            stop = self._judge(trial.number, Report(epoch, float(trial.curve[trial.reported])))
            trial.reported += 1
            if trial.reported < len(validated) and not stop:
                trial.time = trial.begun + validated[trial.reported]
                heapq.heappush(self._running, trial)
                continue
            self._end(trial, epoch, complete=trial.reported == len(validated))
            self._begin(trial.time)
            if self._complete:
                winner = best_first(self._complete, self._objective)[0]
                yield self._spent, self._worth[winner.trial]

    def _begin(self, time: int) -> None:
        trial = self._ledger.next_trial()
        values = {**self._base, **self._plan.suggest(trial)}
        self._folder.trial(trial.number).parameters.write(values)
        self._worth[trial.number] = self._surrogate.worth(values)
        luck = np.random.default_rng([self._seed, trial.number])
        curve = self._surrogate.curve(values, luck)
        first = time + self._surrogate.epochs[0]
        heapq.heappush(self._running, _Running(first, trial.number, values, curve, time))

    def _end(self, trial: _Running, epoch: int, *, complete: bool) -> None:
        ended = {"trial": trial.number, "epochs": epoch, "seconds": 0.0, "device": "cpu"}
        result: CompleteTrial | PrunedTrial = PrunedTrial(
            **ended, value=float(trial.curve[trial.reported - 1])
        )
        if complete:
            result = CompleteTrial(**ended, value=float(trial.curve[-1]))
            self._complete.append(result)
        self._folder.trial(trial.number).result.write(result)
        self._ledger.end(trial.number)


def _nothing(number: int) -> None:
    """Nobody listens."""
