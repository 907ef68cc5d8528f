"""One trial where it trains: inside its Tune process, or as one rank of a group that Ray Train started."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.config import validate
from study.results import StudyFolder, TrialFolder, read_json
from study.tuning.outcome import write_failure

Report = Callable[[int, Mapping[str, float]], bool]
RunTrial = Callable[..., Any]  # as study.trial.run_trial

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What all trials of a study share, as plain values that any process can read."""

    content: Mapping[str, Any]  # of the configuration
    root: str
    name: str
    run_trial: RunTrial | None = None  # None: study.trial.run_trial, imported where it runs

    def trial(self, number: int) -> TrialFolder:
        """The folder of a trial."""
        return StudyFolder(Path(self.root), self.name).trial(number)


def train_alone(sample: Mapping[str, Any], *, task: Task) -> None:
    """The Tune function of trials with one worker."""
    from ray import tune

    folder = task.trial(sample["number"])

    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        # Returns when the driver has taken the result: the scheduler's decision is in the folder by then.
        tune.report({"epoch": epoch, "objective": float(metrics["objective"])})
        return folder.stop.exists()

    with only_process(folder):
        start = time.monotonic()
        try:
            train(task, folder, report)
        except Exception as error:
            logger.exception("trial %d failed", folder.number)
            write_failure(folder, error, time.monotonic() - start)


def train(task: Task, folder: TrialFolder, report: Report) -> None:
    """Train, unless the trial has ended already (by a process whose driver was killed)."""
    import torch

    if folder.read_result() is not None:
        return
    config = validate(task.content)
    torch.set_num_threads(config.trainer.cpus_per_worker)
    run_trial = task.run_trial or _real_trial()
    run_trial(config.with_values(read_json(folder.parameters)), folder, report)


def _real_trial() -> RunTrial:
    from study.trial import run_trial

    return run_trial


@contextmanager
def only_process(folder: TrialFolder) -> Iterator[None]:
    """Wait until no other process trains this trial: one whose driver was killed may live on for seconds."""
    with (folder.path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
