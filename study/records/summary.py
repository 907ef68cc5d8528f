"""The summary of a study: how its trials ended, and which one won."""

from __future__ import annotations

from pydantic import Field

from study.records.files import Record


class Telling(Record):
    """What validation subjects say of the winner and its rival (`analysis.certainty`).

    Attributes:
        winner, rival: numbers of the trials.
        is_default: whether it has the default settings; otherwise it is the second best.
        trials: complete ones that were compared, of which the winner is the best.
        apart: whether the winner can be told from it.
        difference: of the objectives of single subjects, winner minus rival.
        low, high: its 95 % interval; None if there is none.
        p: that the best of these trials would look as much better than the rival by chance; where the rival is the
            second best, or both were trained again, that of Wilcoxon's signed-rank test. None for too few subjects.
        subjects: number of validation subjects.
        chosen_again: share of resamples of the subjects in which the winner is the best trial.
        detectable: the smallest difference that so many subjects would show 80 times in 100; None for too few.
        repeated: whether both are represented by their replicates.
    """

    winner: int
    rival: int
    is_default: bool
    trials: int
    apart: bool
    difference: float
    low: float | None
    high: float | None
    p: float | None
    subjects: int
    chosen_again: float
    detectable: float | None
    repeated: bool


class Summary(Record):
    """The content of `summary.json`; details of the winner are in its trial's folder.

    Attributes:
        study: name.
        states: number of complete, pruned and failed trials.
        winner: number of the winning trial; None if none can be named.
        no_winner: why none can be named.
        telling: whether the winner can be told from its rival; None without a rival.
        independent: the best trial for each availability subset with a separate model (`model.inputs`).
    """

    study: str
    states: dict[str, int]
    winner: int | None
    no_winner: str | None = None
    telling: Telling | None = None
    independent: dict[str, int] = Field(default_factory=dict)
