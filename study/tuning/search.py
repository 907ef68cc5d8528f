"""Ray Tune asks what to run next, and the answers come from the study's database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from study.errors import FadeoutError
from study.tuning.faults import Death, judge
from study.tuning.home import Attempt, Home
from study.tuning.messages import Failure
from study.tuning.nodes import Nodes
from study.tuning.queue import TrialQueue
from study.tuning.room import Need, avoiding

logger = logging.getLogger(__name__)
LONGEST_REASON = 2_000  # characters, of which the last ones count


class StudySearch(Searcher):  # type: ignore[misc]
    """Hands Ray Tune one attempt after the other.

    To Ray each attempt is a trial that ends; which trial of the study it is, what follows a failure, and how many run
    at a time is decided by the queue.

    Args:
        queue: of the study's trials.
        home: takes in what the attempts bring.
        nodes: the machines.
        halt: ends the search.
        begun: callback once Ray Tune is at work.
    """

    def __init__(
        self,
        queue: TrialQueue,
        home: Home,
        nodes: Nodes,
        halt: Callable[[Exception], None],
        begun: Callable[[], None],
    ) -> None:
        super().__init__()
        self._begun: Callable[[], None] | None = begun
        self._queue, self._home, self._nodes, self._halt = queue, home, nodes, halt
        self._numbers: dict[str, int] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next attempt; None while there is none, FINISHED once all trials have ended."""
        if self._begun is not None:
            self._begun()
            self._begun = None
        if self._queue.finished:
            return str(Searcher.FINISHED)
        number = None
        with self._halting():
            number = self._queue.next()
        if number is None:
            return None
        self._numbers[trial_id] = number
        return {
            "number": number,
            "attempt": self._home.expect(number),
            "need": asdict(self._queue.need(number)),
            "parts": self._queue.parts(number),
            "avoided": list(self._nodes.avoided),
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Release the attempt, and decide what follows."""
        number = self._numbers.pop(trial_id)
        attempt = self._home.release(number)
        release_resources(attempt)
        failure = attempt.failure or Failure(judge(self._death(attempt)))
        with self._halting():
            self._queue.ended(number, failure.fault, failure.seconds)

    @contextmanager
    def _halting(self) -> Iterator[None]:
        """End the search on an error of ours or of the disk, which Ray Tune would take for one of the trial."""
        try:
            yield
        except (FadeoutError, OSError) as error:
            self._halt(error)

    def _death(self, attempt: Attempt) -> Death:
        """How an attempt has died that has not said why."""
        return Death.NODE if self._nodes.died(attempt.nodes) else Death.PROCESS

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: attempts report to the driver themselves."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the database is the only truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing, as nothing is saved."""


def resources_of(sample: Mapping[str, Any]) -> Any:
    """What Ray reserves for an attempt.

    The function that starts a group only waits for its workers, which may need every core. It reserves one byte
    of memory, since a reservation must not be empty.
    """
    from ray.tune import PlacementGroupFactory

    need = Need(**sample["need"])
    alone = need.workers == 1
    bundle = {"CPU": need.cpus, "GPU": need.gpus} if alone else {"memory": 1}
    selector = avoiding(sample["avoided"])
    return PlacementGroupFactory([bundle], **({"bundle_label_selector": [selector]} if selector else {}))


def release_resources(attempt: Attempt) -> None:
    """Give back what a group's workers held: Ray keeps it where the function that started them was killed."""
    from ray._raylet import PlacementGroupID
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    if held := attempt.placement_group:
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(held)))


class InTurn(FIFOScheduler):  # type: ignore[misc]
    """Leaves the order to Ray Tune, which starts waiting trials in turn.

    Its own scheduler looks at all trials that there were, each time.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Choose none."""


class Silence(TrialProgressCallback):  # type: ignore[misc]
    """Replaces Ray's own progress callback, which prints trials that end without a report.

    It is named in RAY_TUNE_CALLBACKS: as an argument, it would make Ray import MLflow and other loggers.
    """

    def on_trial_result(self, *arguments: Any, **named: Any) -> None:
        """Print nothing."""

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **named: Any) -> None:
        """Print nothing, and note in the log what Ray says of an attempt whose process has died."""
        said = Path(trial.error_file).read_text(errors="replace") if trial.error_file else ""
        if said:
            logger.info("Ray says of an attempt that has died: %s", " ".join(said.split())[-LONGEST_REASON:])

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **named: Any) -> None:
        """Print nothing, and drop Tune's statistics of what the trial reported.

        Nobody reads them: the database has the reports. Tune would keep them in memory to the end, 20 kB a trial, and
        then write those of all trials to a snapshot.
        """
        trial.metric_analysis.clear()
        trial.metric_n_steps.clear()
