"""A study as its report reads it: every file once, also while the study runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from analysis.certainty import certainty
from analysis.ensemble import ensemble_tables
from analysis.gains import gain_table
from analysis.method import Method
from analysis.rule import rule_tables
from analysis.synthesis import synthesis_table
from analysis.trial_tables import trial_tables
from search_spaces.space import SearchSpace
from study.config import Config
from study.records import (
    CompleteTrial,
    FailedTrial,
    PreparedStudy,
    PrunedTrial,
    Ranking,
    StudyFolder,
    TrialFolder,
    TrialResult,
)
from study.records.summary import Telling
from study.training.epoch import Epoch, ValidationScores

if TYPE_CHECKING:
    import pandas as pd

    from analysis.tables import Table


@dataclass(frozen=True)
class TrialView:
    """One trial.

    Attributes:
        folder: its files.
        result: how it ended; None while it runs, or after an interruption.
        searched: the values that the search chose, by dotted path.
        epochs: oldest first.
    """

    folder: TrialFolder
    result: TrialResult | None
    searched: dict[str, Any]
    epochs: tuple[Epoch, ...]

    @property
    def number(self) -> int:
        """Of the trial."""
        return self.folder.number

    @property
    def is_complete(self) -> bool:
        """Whether it was trained to the end and judged."""
        return isinstance(self.result, CompleteTrial)

    @property
    def state(self) -> str:
        """Complete, pruned, failed, or not ended."""
        return self.result.state if self.result else "not ended"

    @property
    def value(self) -> float | None:
        """The objective; None for a trial that failed or has not ended."""
        return self.result.value if isinstance(self.result, CompleteTrial | PrunedTrial) else None

    @property
    def error(self) -> str | None:
        """Why it failed; None unless it did."""
        return self.result.error if isinstance(self.result, FailedTrial) else None

    @property
    def scores(self) -> ValidationScores | None:
        """Of its last validation; None before the first one."""
        return next((epoch.validation for epoch in reversed(self.epochs) if epoch.validation), None)


class StudyView:
    """One study.

    Attributes:
        folder: its files.
        config: its configuration.
        ranking: its trials, the best first.
        method: how means are taken.
        trials: by number.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.config: Config = folder.config.read()
        self.ranking = Ranking(folder)
        self.method = Method.of(self.config.evaluation, self.config.study.seed)
        self.trials = tuple(_trial(trial) for trial in folder.trials())

    @property
    def name(self) -> str:
        """Of the study."""
        return self.config.study.name

    @property
    def ended(self) -> int:
        """Number of trials that have ended."""
        return sum(trial.result is not None for trial in self.trials)

    @property
    def is_over(self) -> bool:
        """Whether as many trials have ended as were asked for, and none is under way."""
        return self.ended == len(self.trials) and self.ended >= self.config.study.trials

    @property
    def complete(self) -> tuple[TrialView, ...]:
        """Trials that were trained to the end, by number."""
        return tuple(trial for trial in self.trials if trial.is_complete)

    @cached_property
    def winner(self) -> TrialView | None:
        """The best complete trial; None while none can be named."""
        if self.ranking.no_winner is not None:
            return None
        number = self.ranking.winner.number
        return next(trial for trial in self.trials if trial.number == number)

    @cached_property
    def space(self) -> SearchSpace:
        """What is searched."""
        return SearchSpace.parse(self.config.search_space, self.config)

    @cached_property
    def prepared(self) -> PreparedStudy | None:
        """The splits and subjects; None before they are prepared."""
        return self.folder.prepared.read_if_there()

    @cached_property
    def rows(self) -> pd.DataFrame | None:
        """The winner's rows; None while there is no winner."""
        return None if self.winner is None else self.ranking.winning_rows()

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The winner's tables that `analysis.trial_tables` makes, by name."""
        if self.rows is None:
            return {}
        found = trial_tables(self.rows, self.method, self.config.cohort.target)
        return {table.name: table for table in found}

    @cached_property
    def synthesis(self) -> Table | None:
        """How well the winner synthesises modalities; None for a network that does not."""
        result = None if self.winner is None else self.winner.result
        if not isinstance(result, CompleteTrial) or not result.synthesis:
            return None
        return synthesis_table(result.synthesis)

    @cached_property
    def certainty(self) -> Telling | None:
        """Whether validation tells the winner from its rival; None without a rival that was validated."""
        return None if self.winner is None else certainty(self.ranking, self.config.objective, self.method)

    @cached_property
    def gains(self) -> Table | None:
        """What the winner gains over its rival; None without a rival that was tested."""
        return None if self.winner is None else gain_table(self.ranking, self.method)

    @cached_property
    def rule(self) -> list[Table]:
        """The tables of the rule without training; none where it was not judged."""
        return rule_tables(self.ranking, self.method)

    @cached_property
    def ensemble(self) -> list[Table]:
        """The tables of the ensemble; none without one."""
        return ensemble_tables(self.folder, self.method)


def _trial(folder: TrialFolder) -> TrialView:
    return TrialView(
        folder, folder.result.read_if_there(), folder.searched(), tuple(folder.training.epochs.read())
    )
