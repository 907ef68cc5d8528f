"""Runs a whole study, from scans to the winner's table: a search on Ray, or a single training in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from search_spaces.beginning import remarks
from study.commandline.progress import Say, Show
from study.config import Config
from study.errors import ConfigError, StudyError, TakenOverError
from study.machine.mirror import mirrored
from study.machine.shell import command_line
from study.records import CompleteTrial, FailedTrial, StudyFolder
from study.workflow.display import StudyView
from study.workflow.epoch_lines import EpochLines
from study.workflow.feasible import check_feasible
from study.workflow.logbook import Logbook, logbook
from study.workflow.resuming import check_resumable
from study.workflow.sight import FIRST_TRIALS, measured_sight

if TYPE_CHECKING:
    from study.tracking import Tracker

# How long the end of a study waits for its tracking. Schedulers kill a process 30 s after they asked it to end.
TRACKING_S, TRACKING_INTERRUPTED_S = 120.0, 10.0
CONTINUE = "continue with the same command and resume=true"


def run_study(config: Config, show: Show) -> StudyFolder:
    """Prepare, search and summarise a study; after an interruption at any moment, `resume=true` continues it.

    Args:
        config: of the study.
        show: where progress and the closing report are shown.

    Raises:
        StudyError: the study exists and `resume` is not set, or it cannot be resumed.
        AllFailedError: every trial has failed.
        CohortError: problems with the scans.
        ConfigError: the settings do not fit the scans or the machine.
        KeyboardInterrupt: on Ctrl-C; its notes say how to continue.
    """
    folder = StudyFolder(config.study.root, config.study.name)
    with mirrored(config.study.root, config.study.name) as mirror, logbook(folder, show) as book:
        _run(config, folder, book, mirror.push if mirror else lambda: None)
    return folder


def _run(config: Config, folder: StudyFolder, book: Logbook, stored: Callable[[], None]) -> None:
    check_resumable(config, folder)
    check_feasible(config)
    from analysis.report.report import write_report
    from study.tracking import make_tracker
    from study.tuning import check_reachable, run_search
    from study.workflow.ensembling import try_ensemble
    from study.workflow.replicating import announcing_replicates, replicate_plan
    from study.workflow.report import check_any_succeeded, final_report
    from study.workflow.rule import try_rule
    from study.workflow.searching import search_plan
    from study.workflow.trial import run_trial

    check_reachable(config.cluster)
    _prepare(config, folder, book)
    plan = search_plan(config)
    if said := remarks(plan.space):
        book.say("\n".join(f"  {remark}" for remark in said))
    tracker = make_tracker(config, folder)
    tracker.begin()
    announce = _announcing(config, folder, tracker.trial_changed, stored, book.say)
    with book.live(StudyView(folder)), _concluding(config, folder, tracker):
        run_search(plan, folder, announce, run_trial=run_trial)
        if (again := replicate_plan(config, folder)) is not None:
            announce = announcing_replicates(folder, again, tracker.trial_changed, stored, book.say)
            run_search(again, folder.replicates, announce, run_trial=run_trial)
        try_ensemble(config, folder, book.say)
        try_rule(config, folder, book.say)
        write_report(folder)
    _register(config, folder, book.say)
    book.say(final_report(config, folder))
    check_any_succeeded(folder)


def _register(config: Config, folder: StudyFolder, say: Say) -> None:
    """Register the winner with MLflow; the study is whole without."""
    from study.workflow.champion import register_champion

    try:
        register_champion(config, folder)
    except StudyError as error:
        say(f"{error}; {command_line('study.sync', *folder.arguments)} tries again")


def train_once(config: Config, show: Show) -> StudyFolder:
    """Train one network in this process, without Ray and MLflow, as a study of one trial.

    Arguments and exceptions are those of `run_study`.
    """
    folder = StudyFolder(config.study.root, config.study.name)
    with mirrored(config.study.root, config.study.name), logbook(folder, show) as book:
        _train(config, folder, book)
    return folder


def _train(config: Config, folder: StudyFolder, book: Logbook) -> None:
    if config.study.replicates:
        raise ConfigError(
            ["study.replicates: repeats the winner of a search; leave it out for a single training"]
        )
    if config.ensemble.members:
        raise ConfigError(
            ["ensemble.members: averages trials of a search; leave it out for a single training"]
        )
    check_resumable(config, folder)
    check_feasible(config, searches=False)
    from analysis.report.report import write_report
    from study.workflow.report import final_report, summarise
    from study.workflow.rule import try_rule
    from study.workflow.trial import run_trial

    _prepare(config, folder, book)
    with folder.driven(), book.live(StudyView(folder)), _telling(CONTINUE):
        folder.driver.confirm(trials=1)
        trial = folder.trial(0)
        trial.parameters.write({})
        run_trial(config, trial, EpochLines(trial, config.trainer.epochs, book.say))
    try_rule(config, folder, book.say)
    folder.summary.write(summarise(config, folder))
    write_report(folder)
    book.say(final_report(config, folder))


def _prepare(config: Config, folder: StudyFolder, book: Logbook) -> None:
    from study.workflow.lesion_model import find_lesion_model
    from study.workflow.preparation import prepare_study
    from study.workflow.starting import find_start

    resumed = folder.config.exists
    again = CONTINUE if resumed else "begin again with the same command; prepared scans are kept"
    with folder.driven() if resumed else nullcontext(), _telling(again):
        folder.remove_leftovers()
        if resumed:
            book.begin()
        start, lesion_model = find_start(config), find_lesion_model(config)
        book.say(f"study {config.study.name}: preparing the scans")
        lines = prepare_study(config, folder, start, lesion_model, progress=book.progress)
        book.begin()
        book.say("\n".join(lines))


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
    complete: set[int] = set()

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
        if isinstance(result, CompleteTrial):
            complete.add(number)
            if len(complete) == FIRST_TRIALS:
                say(measured_sight(config, folder))

    return changed
