"""The search: asks the database what remains, and lets Ray Tune run it."""

from __future__ import annotations

import fcntl
import functools
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from search_spaces import SearchSpace
from study.config import Config
from study.errors import StudyError
from study.results import StudyFolder
from study.training.rungs import rung_epochs
from study.tuning.cluster import ray_for
from study.tuning.events import TrialEvents
from study.tuning.ledger import Ledger
from study.tuning.trainable import RunTrial, Task, train_alone

logger = logging.getLogger(__name__)


def run_search(
    config: Config, folder: StudyFolder, on_trial: Callable[[int], None], *, run_trial: RunTrial | None = None
) -> None:
    """Run trials until `study.trials` have ended (complete, pruned or failed); returns at once if they have.

    Interrupted trials of an earlier run continue from their checkpoints, under their own numbers. Where a
    trial fails, the others go on.

    Args:
        config: validated; its search space too.
        folder: prepared (config, splits, plan, cache).
        on_trial: called with a trial's number when its files changed: after each report and each end. One
            call at a time, in a thread of its own; what it raises is logged.
        run_trial: trains one trial; None is `study.trial.run_trial`. Other processes must be able to
            import it.

    Raises:
        StudyError: another process runs this study, or its database cannot be used.
        ConfigError: Ray has not the resources for one trial.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, with everything stored that `resume=true` needs.
    """
    with _only_driver(folder), closing(TrialEvents(on_trial)) as events:
        ledger = Ledger(config, folder)
        for number in ledger.settled:
            events.changed(number)
        remaining = max(config.study.trials - ledger.ended, ledger.interrupted)
        if remaining > 0:
            _search(config, folder, ledger, remaining, events, run_trial)
        if ledger.ended < config.study.trials:
            raise StudyError(
                f"{ledger.ended} of {config.study.trials} trials have ended, the others could not be run; "
                "go on with resume=true"
            )


def _search(
    config: Config,
    folder: StudyFolder,
    ledger: Ledger,
    remaining: int,
    events: TrialEvents,
    run_trial: RunTrial | None,
) -> None:
    scratch = folder.path / ".tune"
    scratch.mkdir(exist_ok=True)
    task = Task(
        config.model_dump(mode="json"), str(folder.path.parent.absolute()), folder.path.name, run_trial
    )
    try:
        with ray_for(config, scratch) as concurrency, _terminate_as_interrupt():
            _tune(config, folder, ledger, task, min(remaining, concurrency), remaining, events)
    except KeyboardInterrupt:
        logger.warning(
            "interrupted: %d of %d trials have ended; go on with the same command and resume=true",
            ledger.ended,
            config.study.trials,
        )
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def _tune(
    config: Config,
    folder: StudyFolder,
    ledger: Ledger,
    task: Task,
    concurrency: int,
    remaining: int,
    events: TrialEvents,
) -> None:
    from ray import tune

    from study.tuning.distributed import train_distributed
    from study.tuning.search import StudySearch

    trainer = config.trainer
    alone = trainer.workers == 1
    resources = {"cpu": trainer.cpus_per_worker, "gpu": trainer.gpus_per_worker} if alone else {"cpu": 0.1}
    function = functools.partial(train_alone if alone else train_distributed, task=task)
    tune.run(
        function,
        name=config.study.name,
        search_alg=StudySearch(SearchSpace.parse(config.search_space, config).outer, ledger, folder, events),
        scheduler=_scheduler(config, folder, ledger),
        num_samples=remaining,
        max_concurrent_trials=concurrency,
        resources_per_trial=resources,
        reuse_actors=True,
        max_failures=config.tuning.max_failures,
        storage_path=str((folder.path / ".tune").absolute()),
        raise_on_failed_trial=False,
        verbose=0,
    )


def _scheduler(config: Config, folder: StudyFolder, ledger: Ledger) -> Any:
    from ray.tune.schedulers import FIFOScheduler

    from study.tuning.scheduler import CooperativeAsha

    tuning, trainer = config.tuning, config.trainer
    rungs = rung_epochs(trainer.epochs, tuning.first_rung, tuning.reduction_factor, trainer.validate_every)
    if tuning.scheduler == "none" or not rungs:
        return FIFOScheduler()
    asha = CooperativeAsha(folder, rungs, tuning.reduction_factor, trainer.epochs)
    asha.remember(ledger.intermediate_values())
    return asha


@contextmanager
def _only_driver(folder: StudyFolder) -> Iterator[None]:
    """Two drivers would run the same trials."""
    with (folder.path / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(
                f"study.name: another process runs '{folder.path.name}' in {folder.path.parent.absolute()}; "
                "wait for it, or choose another study.name"
            ) from None
        yield


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the study as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
