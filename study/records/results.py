"""The result of a trial: complete, pruned or failed."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from study.records.files import Record


class SynthesisMean(Record):
    """Quality of a synthesised modality on test subjects (Lau 2019, table 2).

    Attributes:
        center: of the subjects.
        given: modalities given to the network, such as `DWI+ADC`.
        modality: the synthesised one.
        psnr_db, ssim: means over subjects; nan without a value, or where an earlier version measured none.
        subjects: how many; None where an earlier version did not count them.
    """

    center: str
    given: str
    modality: str
    psnr_db: float
    ssim: float = math.nan
    subjects: int | None = None


class Goals(Record):
    """What a complete trial reaches in each goal that a front may have (`objective.front`).

    Attributes:
        full, missing, worst_center: Dice of validation subjects, post-processed as for the objective; nan if undefined.
        train_s: seconds of all iterations of the training.
        predict_s: seconds of one prediction of a validation subject, the mean.
    """

    full: float
    missing: float
    worst_center: float
    train_s: float
    predict_s: float


class _Ended(Record):
    """Fields of every result.

    Attributes:
        trial: number.
        epochs: number of finished epochs.
        seconds: wall-clock time spent by the last process that ran the trial.
    """

    trial: int
    epochs: int
    seconds: float


class CompleteTrial(_Ended):
    """A trial that finished its training and was judged.

    Attributes:
        value: the objective, the weighted mean of Dice; nan if it is undefined.
        device: product name of the GPU, or cpu.
        goals: what the trial reaches in each goal.
        synthesis: empty for networks that synthesise no modality.
    """

    state: Literal["complete"] = "complete"
    value: float
    device: str
    goals: Goals | None = None
    synthesis: tuple[SynthesisMean, ...] = ()


class PrunedTrial(_Ended):
    """A trial that the scheduler stopped early.

    Attributes:
        value: the objective at its last validation.
        device: product name of the GPU, or cpu.
    """

    state: Literal["pruned"] = "pruned"
    value: float
    device: str


class FailedTrial(_Ended):
    """A trial that ended with an error.

    Attributes:
        error: the reason, without names of subjects or files.
    """

    state: Literal["failed"] = "failed"
    error: str


TrialResult = Annotated[CompleteTrial | PrunedTrial | FailedTrial, Field(discriminator="state")]


class Replicate(Record):
    """The content of `replicate.json`: what a replicate repeats.

    Attributes:
        trial: number of the trial.
        seed: `study.seed` of the repetition.
    """

    trial: int
    seed: int
