"""Runs a whole study, from scans to the winner's table: a search on Ray, or a single training in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from study.commandline.progress import Say
from study.config import Config
from study.errors import ConfigError, TakenOverError
from study.machine.mirror import mirrored
from study.records import FailedTrial, StudyFolder
from study.training.epoch import Epoch
from study.workflow.resuming import check_resumable

if TYPE_CHECKING:
    from study.tracking import Tracker

# How long the end of a study waits for its tracking. Schedulers kill a process 30 s after they asked it to end.
TRACKING_S, TRACKING_INTERRUPTED_S = 120.0, 10.0
CONTINUE = "continue with the same command and resume=true"


def run_study(config: Config, say: Say) -> StudyFolder:
    """Prepare, search and summarise a study; after an interruption at any moment, `resume=true` continues it.

    Args:
        config: of the study.
        say: receives progress and the closing report, a few lines at a time.

    Raises:
        StudyError: the study exists and `resume` is not set, or it cannot be resumed.
        CohortError: problems with the scans.
        ConfigError: the settings do not fit the scans or the machine.
        KeyboardInterrupt: on Ctrl-C; its notes say how to continue.
    """
    with mirrored(config.study.root, config.study.name) as mirror:
        return _run(config, say, mirror.push if mirror else lambda: None)


def _run(config: Config, say: Say, stored: Callable[[], None]) -> StudyFolder:
    folder = StudyFolder(config.study.root, config.study.name)
    check_resumable(config, folder)
    from analysis.report.report import write_report
    from study.tracking import make_tracker
    from study.tuning import check_reachable, run_search
    from study.workflow.replicating import announcing_replicates, replicate_plan
    from study.workflow.report import final_report
    from study.workflow.searching import search_plan
    from study.workflow.trial import run_trial

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    check_reachable(config.cluster)
    _prepare(config, folder, say)
    tracker = make_tracker(config, folder)
    tracker.begin()
    announce = _announcing(config, folder, tracker.trial_changed, stored, say)
    with _concluding(config, folder, tracker):
        run_search(search_plan(config), folder, announce, run_trial=run_trial)
        if (again := replicate_plan(config, folder)) is not None:
            announce = announcing_replicates(folder, again, tracker.trial_changed, stored, say)
            run_search(again, folder.replicates, announce, run_trial=run_trial)
        write_report(folder)
    say(final_report(config, folder))
    return folder


def train_once(config: Config, say: Say) -> StudyFolder:
    """Train one network in this process, without Ray and MLflow, as a study of one trial.

    Arguments and exceptions are those of `run_study`.
    """
    with mirrored(config.study.root, config.study.name):
        return _train(config, say)


def _train(config: Config, say: Say) -> StudyFolder:
    if config.study.replicates:
        raise ConfigError(
            ["study.replicates: repeats the winner of a search; leave it out for a single training"]
        )
    folder = StudyFolder(config.study.root, config.study.name)
    check_resumable(config, folder)
    from analysis.report.report import write_report
    from study.workflow.report import final_report, summarise
    from study.workflow.trial import run_trial

    _prepare(config, folder, say)
    trial = folder.trial(0)
    trial.parameters.write({})

    def report(epoch: Epoch) -> bool:
        say(_epoch_line(epoch))
        return False

    with _telling(CONTINUE):
        run_trial(config, trial, report)
    folder.summary.write(summarise(config, folder))
    write_report(folder)
    say(final_report(config, folder))
    return folder


def _prepare(config: Config, folder: StudyFolder, say: Say) -> None:
    from study.workflow.lesion_model import find_lesion_model
    from study.workflow.preparation import prepare_study
    from study.workflow.starting import find_start

    folder.remove_leftovers()
    again = CONTINUE if folder.config.exists else "begin again with the same command; prepared scans are kept"
    with _telling(again):
        start, lesion_model = find_start(config), find_lesion_model(config)
        say(f"study {config.study.name}: preparing the scans")
        say("\n".join(prepare_study(config, folder, start, lesion_model)))


@contextmanager
def _telling(how: str) -> Iterator[None]:
    """Note on an interrupt how to continue."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(how)
        raise


@contextmanager
def _concluding(config: Config, folder: StudyFolder, tracker: Tracker) -> Iterator[None]:
    """At the end, or after an error, summarise the study and send what is left; not if it is another driver's now."""
    from study.workflow.report import summarise

    def conclude(patience_s: float) -> None:
        folder.summary.write(summarise(config, folder))
        tracker.finish(patience_s)

    try:
        yield
    except TakenOverError:
        raise
    except BaseException as error:
        conclude(TRACKING_INTERRUPTED_S if isinstance(error, KeyboardInterrupt) else TRACKING_S)
        raise
    conclude(TRACKING_S)


def _announcing(
    config: Config, folder: StudyFolder, track: Callable[[int], None], stored: Callable[[], None], say: Say
) -> Callable[[int], None]:
    """Callback for trial updates: passes each on to the tracking, announces each end once, and stores it."""
    announced: set[int] = set()

    def changed(number: int) -> None:
        track(number)
        announce(number)
        stored()

    def announce(number: int) -> None:
        if number in announced or (result := folder.trial(number).result.read_if_there()) is None:
            return
        announced.add(number)
        how = f": {result.error}" if isinstance(result, FailedTrial) else f", objective {result.value:.3f}"
        say(
            f"trial {number} {result.state} after {result.epochs} epochs{how} "
            f"({len(announced)} ended in this run, {config.study.trials} requested)"
        )

    return changed


def _epoch_line(epoch: Epoch) -> str:
    shown = ("train_loss", "fade", "val_dice_full", "val_dice_missing", "objective")
    content = epoch.to_dict()
    values = "  ".join(f"{name} {content[name]:.3f}" for name in shown if name in content)
    return f"epoch {epoch.epoch}  {values}"
