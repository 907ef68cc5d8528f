"""Where a study stands: one typed record for the live display, for `study.status`, and as JSON."""

from __future__ import annotations

from typing import Literal

from study.records.files import Record

VERSION = 1  # of the JSON; raised if a field is renamed or means something else


class DriverStatus(Record):
    """The process that runs the study.

    Attributes:
        state: running; starting: a process prepares or starts it; unknown: it was started on another machine, and
            whether it runs still cannot be seen from this one.
        host: name of its machine; None while it starts, as for the next two.
        process: its number there.
        since_ms: when it began, in milliseconds since 1970.
        machines: names of the machines of the cluster that take part; empty without a cluster.
    """

    state: Literal["running", "starting", "unknown"]
    host: str | None = None
    process: int | None = None
    since_ms: int | None = None
    machines: tuple[str, ...] = ()


class TrialCounts(Record):
    """The number of trials by state.

    Attributes:
        waiting: that have not begun.
        running: that are trained or judged now, or are about to be tried again.
        interrupted: that have begun and do not run; they continue when the study is resumed.
        complete: trained to the end and judged.
        pruned: stopped early, since they fell behind.
        failed: that ended with an error.
    """

    waiting: int
    running: int
    interrupted: int
    complete: int
    pruned: int
    failed: int

    @property
    def ended(self) -> int:
        """The number of trials that have ended."""
        return self.complete + self.pruned + self.failed

    @property
    def pending(self) -> int:
        """The number of trials that are still to be run, or to be continued."""
        return self.waiting + self.interrupted

    @property
    def total(self) -> int:
        """The number of trials."""
        return self.pending + self.running + self.ended


class RunningTrial(Record):
    """A trial that runs, as far as the driver has heard of it: at each validation, and at least every two minutes.

    Attributes:
        trial: number; of a replicate, the trial that it repeats.
        seed: of a replicate; None for a trial of the search.
        stage: starting: before its first epoch; judging: after its last one.
        epoch: finished epochs of this stage.
        epochs: that the stage has, unless the trial is stopped.
        rung: number of rungs that it has reached.
        rungs: number of rungs that there are, at which trials are compared.
        objective: at its last validation; None before the first.
        epoch_s: seconds of an epoch, validation included; None before the first.
        left_s: estimated seconds until it ends; None where nothing has been measured yet.
        heard_ms: when its last epoch arrived, in milliseconds since 1970; None before the first.
    """

    trial: int
    seed: int | None
    stage: Literal["starting", "pretraining", "training", "judging"]
    epoch: int
    epochs: int
    rung: int
    rungs: int
    objective: float | None
    epoch_s: float | None
    left_s: float | None
    heard_ms: int | None


class BestTrial(Record):
    """The complete trial that wins so far.

    Attributes:
        trial: number.
        objective: the weighted mean of Dice that it reaches.
        front: numbers of the trials on the Pareto front (`objective.front`); empty without one.
    """

    trial: int
    objective: float
    front: tuple[int, ...] = ()


class EnsembleStatus(Record):
    """The ensemble of a study that has ended.

    Attributes:
        trials: numbers of its members; a single one if no mean is better.
        objective: on validation subjects, cross-fitted; None for a single member.
        better: whether that is above the winner's.
    """

    trials: tuple[int, ...]
    objective: float | None
    better: bool


class FailureStatus(Record):
    """Trials that failed for the same reason.

    Attributes:
        reason: of the first of them; the others' may differ in numbers.
        count: number of trials.
        trials: their numbers.
    """

    reason: str
    count: int
    trials: tuple[int, ...]


class TimeLeft(Record):
    """The estimated time until all trials have ended, and what it is made of.

    Attributes:
        seconds: the estimate.
        trials: that have not ended.
        at_a_time: trials that run now.
        epochs: of a trial, the mean of those that ended.
        epoch_s: seconds of an epoch, the mean of the last trials.
        judging_s: seconds from a trial's last epoch to its result, the median of the last trials.
    """

    seconds: float
    trials: int
    at_a_time: int
    epochs: float
    epoch_s: float
    judging_s: float


class TrackingStatus(Record):
    """What the tracking has of the trials that ended.

    Attributes:
        state: sent: everything; waiting: the rest will be sent; away: the last sending failed.
        sent: number of trials that ended and are there.
        waiting: number of those that are not.
        failure: why the last sending failed; None if it did not.
    """

    state: Literal["sent", "waiting", "away"]
    sent: int
    waiting: int
    failure: str | None


class StudyStatus(Record):
    """Where a study stands.

    Attributes:
        version: of this format.
        study: name.
        folder: of the study.
        time_ms: when this was found, in milliseconds since 1970.
        requested: number of trials that are wanted in all.
        driver: the process that runs the study; None if there is none.
        trials: how many there are in each state.
        replicates: the same for the replicates of the winner and its rival; None if none are wanted.
        running: the trials that run, by number, and after them the replicates.
        best: the best trial so far; None if none is complete.
        ensemble: the mean of several trials; None before it is made, or if none is wanted.
        failures: why trials failed, the most frequent reason first.
        left: estimated time until all trials and replicates have ended; None if nothing runs, or no epoch has been
            measured.
        tracking: what MLflow has; None if nothing is sent.
    """

    version: int = VERSION
    study: str
    folder: str
    time_ms: int
    requested: int
    driver: DriverStatus | None
    trials: TrialCounts
    replicates: TrialCounts | None
    running: tuple[RunningTrial, ...]
    best: BestTrial | None
    ensemble: EnsembleStatus | None = None
    failures: tuple[FailureStatus, ...]
    left: TimeLeft | None
    tracking: TrackingStatus | None
