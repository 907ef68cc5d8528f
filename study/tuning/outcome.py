"""How a trial that could not finish is reported and recorded."""

from __future__ import annotations

from study.records import FailedTrial, TrialFolder
from study.records.logs import trace_of
from study.tuning.deaths import what_happened
from study.tuning.faults import Action, Fault, judge
from study.tuning.messages import Failure


class UnfitMachineError(Exception):
    """The trial has started on a machine that gets no trials; it is run elsewhere."""


def failure_of(error: Exception, seconds: float) -> Failure:
    """What the driver learns of an error."""
    if isinstance(error, UnfitMachineError):
        return Failure(Fault(Action.RETRY, "a machine that gets no trials was given one"), seconds)
    return Failure(judge(what_happened(error)), seconds, trace_of(error))


def write_failure(folder: TrialFolder, text: str, seconds: float = 0.0) -> None:
    """Write a result of state `failed`; the text is tracked, and names no subject."""
    epochs = folder.training.epochs.read()
    finished = epochs[-1].epoch if epochs else 0
    folder.result.write(FailedTrial(trial=folder.number, epochs=finished, seconds=seconds, error=text))
