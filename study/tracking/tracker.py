"""Tracking beside a running study: in a thread, never in its way, never a reason for it to stop."""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from study.config import Config
from study.errors import StudyError
from study.results import StudyFolder, read_json
from study.tracking.sender import Sender
from study.tracking.store import tracking_uri, without_password

logger = logging.getLogger(__name__)

PACE_S = 5.0  # changes are gathered for so long, because sending costs the study a little
FIRST_PAUSE_S = 30.0  # after a failure
LONGEST_PAUSE_S = 600.0


class Tracker:
    """Sends a study to MLflow while it runs; the driver has one, and nobody else writes."""

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        self._config, self._folder = config, folder
        self._sender = Sender(config, folder)
        self._changed: set[int] = set()
        self._study_changed = False
        self._closing = False
        self._failure: str | None = None
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)

    def begin(self) -> None:
        """Start sending; the study's own run first. Does nothing with tracking.enabled=false."""
        if self._config.tracking.enabled:
            self._study_changed = True
            self._thread.start()

    def trial_changed(self, number: int) -> None:
        """Note that a trial has a new epoch or a result; returns at once."""
        with self._condition:
            self._changed.add(number)
            self._study_changed = True
            self._condition.notify()

    def finish(self, timeout_s: float = 120.0) -> bool:
        """Send what is left; True if all is stored, else a warning in the log says how to send it later."""
        if not self._config.tracking.enabled:
            return True
        with self._condition:
            self._closing = True
            self._changed |= {trial.number for trial in self._folder.trials()}
            self._condition.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._failure = f"no answer within {timeout_s:.0f} s"
        if self._failure is not None:
            uri = tracking_uri(self._config, self._folder)
            text = (
                f"tracking: not everything reached {uri} ({self._failure}). "
                f"The study on disk is whole; send it with\n  {self._sync_command()}"
            )
            logger.warning("%s", without_password(text, uri))
        return self._failure is None

    def _sync_command(self) -> str:
        study = self._config.study
        stored = read_json(self._folder.config)["tracking"]
        given = {
            "tracking.uri": self._config.tracking.uri,
            "tracking.experiment": self._config.tracking.experiment,
        }
        other = [
            f"{key}={value}" for key, value in given.items() if value != stored[key.removeprefix("tracking.")]
        ]
        return " ".join([f"python -m study.sync study.name={study.name} study.root={study.root}", *other])

    def _work(self) -> None:
        try:
            with only_writer(self._folder):
                self._send_until_closed()
        except (StudyError, OSError) as error:
            self._failure = str(error)

    def _send_until_closed(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._study_changed or self._closing)
                changed, closing = sorted(self._changed), self._closing
                self._changed, self._study_changed = set(), False
            self._failure = self._try(changed, running=not closing)
            if closing:
                uri = tracking_uri(self._config, self._folder)
                self._sender.history.record_failure(self._failure and without_password(self._failure, uri))
                return
            with self._condition:
                if self._failure:
                    self._changed |= set(changed)
                    self._study_changed = True
                self._condition.wait_for(lambda: self._closing, timeout=pause_s if self._failure else PACE_S)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S) if self._failure else FIRST_PAUSE_S

    def _try(self, changed: list[int], *, running: bool) -> str | None:
        try:
            self._sender.send_study(running=running)
            for number in changed:
                self._sender.send_trial(number, running=running)
        except Exception as error:  # whatever MLflow, its database or its server raise: the study goes on
            return _reason(error)
        return None


def send_missing(config: Config, folder: StudyFolder) -> tuple[int, int]:
    """Send a study that does not run; the numbers of its trials and of those that the store lacked.

    Raises StudyError if the store cannot be reached, or if the study is running and sends for itself.
    """
    with only_writer(folder):
        sender = Sender(config, folder)
        try:
            trials = folder.trials()
            sender.send_study(running=False)
            new = sum(sender.send_trial(trial.number, running=False) for trial in trials)
        except StudyError:
            raise
        except Exception as error:  # as above
            uri = tracking_uri(config, folder)
            text = (
                f"tracking.uri: {uri} does not take the study: {_reason(error)}; mend it and run this again"
            )
            raise StudyError(without_password(text, uri)) from error
        sender.history.record_failure(None)
    return len(trials), new


@contextmanager
def only_writer(folder: StudyFolder) -> Iterator[None]:
    """Hold the study's tracking for one process; raises StudyError if another holds it."""
    with (folder.path / "tracking.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(
                f"{folder.path}: another process sends this study to MLflow; wait until it has ended"
            ) from None
        yield


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'no reason given'}"
