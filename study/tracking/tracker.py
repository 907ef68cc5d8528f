"""Sends a running study to MLflow, from a thread; its failures never stop the study."""

from __future__ import annotations

import logging
import threading

from study.config import Config, hide_passwords
from study.errors import StudyError
from study.machine.shell import command_line
from study.records import StudyFolder
from study.tracking.sender import Sender
from study.tracking.store import tracking_uri

logger = logging.getLogger(__name__)

PACE_S = 5.0  # between two sendings, as each costs the study a little
FIRST_PAUSE_S = 30.0  # after a failure
LONGEST_PAUSE_S = 600.0


class MlflowTracker:
    """Sends a study to MLflow while it runs, from a thread of its own; no other process may write meanwhile.

    Args:
        config: of the study.
        folder: of the study; all content is read from it.
    """

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
        """Start sending; the study's own run first."""
        self._study_changed = True
        self._thread.start()

    def trial_changed(self, number: int) -> None:
        """Note that a trial has a new epoch or a result; returns at once."""
        with self._condition:
            self._changed.add(number)
            self._study_changed = True
            self._condition.notify()

    def finish(self, timeout_s: float) -> bool:
        """Send what is left; True if all is stored, otherwise a warning in the log says how to send it later.

        An interrupt ends it at once, with the same warning.
        """
        try:
            with self._condition:
                self._closing = True
                self._condition.notify()
            self._thread.join(timeout_s)
        except KeyboardInterrupt:
            self._say_how_to_send("interrupted")
            raise
        failure = f"no answer within {timeout_s:g} s" if self._thread.is_alive() else self._failure
        if failure is not None:
            self._say_how_to_send(failure)
        return failure is None

    def _say_how_to_send(self, failure: str) -> None:
        uri = tracking_uri(self._config.tracking, self._folder)
        text = (
            f"tracking: not everything reached {uri} ({failure}). "
            f"What the study has on disk is whole; send it with\n  {self._sync_command()}"
        )
        logger.warning("%s", hide_passwords(text))

    def _sync_command(self) -> str:
        stored = self._folder.config.read().tracking
        given = {
            "tracking.uri": self._config.tracking.uri,
            "tracking.experiment": self._config.tracking.experiment,
        }
        other = [
            f"{key}={value}"
            for key, value in given.items()
            if value != getattr(stored, key.removeprefix("tracking."))
        ]
        return command_line("study.sync", *self._folder.arguments, *other)

    def _work(self) -> None:
        try:
            with self._folder.tracked():
                self._send_until_closed()
        except (StudyError, OSError) as error:
            self._failure = str(error)

    def _send_until_closed(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._study_changed or self._closing)
                changed, closing = self._changed, self._closing
                self._changed, self._study_changed = set(), False
            self._failure = self._try(changed, running=not closing)
            if closing:
                return
            with self._condition:
                self._study_changed |= self._failure is not None
                self._condition.wait_for(lambda: self._closing, timeout=pause_s if self._failure else PACE_S)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S) if self._failure else FIRST_PAUSE_S

    def _try(self, changed: set[int], *, running: bool) -> str | None:
        failure = None
        try:
            self._sender.send(changed, running=running)
        except Exception as error:  # whatever MLflow, its database or its server raise: the study continues
            failure = _reason(error)
        try:
            self._sender.record(failure and hide_passwords(failure))
        except OSError as error:
            failure = failure or _reason(error)
        return failure


def send_missing(config: Config, folder: StudyFolder) -> tuple[int, int]:
    """Send a study that is not running.

    Returns:
        The number of its trials, and of those that were new or changed.

    Raises:
        StudyError: the store cannot be reached, or the study is running and sends itself.
    """
    with folder.tracked():
        sender = Sender(config, folder)
        try:
            new = sender.send((), running=False)
        except StudyError:
            raise
        except Exception as error:  # as above
            uri = tracking_uri(config.tracking, folder)
            text = f"tracking.uri: {uri} refuses the study: {_reason(error)}; correct it and run this again"
            raise StudyError(hide_passwords(text)) from error
        sender.record(None)
    return len(folder.trials()), new


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else 'no reason given'}"
