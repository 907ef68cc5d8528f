"""What trials and the driver say to each other; plain values, without Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from study.machine.transfer import Part
from study.tuning.faults import Fault


@dataclass(frozen=True)
class Where:
    """Asks where the prepared subjects are on a machine; the answer is that of `study.tuning.nodes.Nodes.cache_for`.

    Attributes:
        node: Ray's identity of the machine.
    """

    node: str


@dataclass(frozen=True)
class Fetch:
    """Asks for the next parts of the files to start from; the answer is a batch of them, empty after the last.

    Attributes:
        reader: who reads; a group's processes read the same files.
        node: Ray's identity of the machine that reads.
    """

    reader: str
    node: str


@dataclass(frozen=True)
class Deliver:
    """Brings parts of files of the trial; the answer is None, once they are written.

    Attributes:
        parts: named relative to the trial's folder.
    """

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Report:
    """Brings the objective of a validated epoch; the answer is whether the training should stop."""

    epoch: int
    objective: float


@dataclass(frozen=True)
class Failure:
    """Brings the reason why the attempt has failed; the answer is None.

    Attributes:
        fault: what the error means; names no subject or file of the user.
        seconds: that the attempt took.
        traceback: where it was raised, for the study's log; never tracked.
    """

    fault: Fault
    seconds: float = 0.0
    traceback: str = ""


@dataclass(frozen=True)
class Remarks:
    """Brings warnings of the trial; the answer is None."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Holds:
    """Tells which placement group the trial's workers hold, in hexadecimal; the answer is None."""

    placement_group: str


@dataclass(frozen=True)
class Hurried:
    """Tells that the trial has delivered all it has, as the driver asked; the answer is None."""


Content = Where | Fetch | Deliver | Report | Failure | Remarks | Holds | Hurried


@dataclass(frozen=True)
class Message:
    """From one attempt of a trial.

    Attributes:
        number: of the trial.
        attempt: token of the attempt; a message of an earlier attempt is not listened to.
        content: what is asked or brought.
    """

    number: int
    attempt: str
    content: Content


@dataclass(frozen=True)
class Superseded:
    """The answer to an attempt that has been replaced: it should end without a word."""


@dataclass(frozen=True)
class Refused:
    """The answer to what could not be done.

    Attributes:
        errno: of the OSError, if it was one.
        text: the reason.
    """

    text: str
    errno: int | None = None


Answer = Any  # parts, a decision, a place, None, Superseded or Refused
