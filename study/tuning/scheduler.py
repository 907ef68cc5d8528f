"""Asynchronous successive halving that asks a training to end instead of killing it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from study.results import StudyFolder


class CooperativeAsha(AsyncHyperBandScheduler):  # type: ignore[misc]
    """ASHA (Li et al. 2020, MLSys) on given rungs; a trial that shall end finds `stop` in its folder.

    Trials are known by their number in the study: what a resumed or restarted trial reports again counts
    once.
    """

    def __init__(
        self, folder: StudyFolder, rungs: Sequence[int], reduction_factor: float, epochs: int
    ) -> None:
        super().__init__(
            time_attr="epoch",
            metric="objective",
            mode="max",
            max_t=epochs + 1,  # at max_t and above Ray would end trials that are through
            grace_period=rungs[0],
            reduction_factor=reduction_factor,
            stop_last_trials=False,
        )
        self._folder = folder
        self._bracket = self._brackets[0]
        self._bracket._rungs = [(rung, {}) for rung in sorted(rungs, reverse=True)]

    def remember(self, values: Mapping[int, Mapping[int, float]]) -> None:
        """Fill the rungs with what trials of an earlier run have reported: number, epoch, objective."""
        for number, trial in values.items():
            for epoch, value in sorted(trial.items()):
                self.judge(number, epoch, value)

    def judge(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial that reports this should end here."""
        if not math.isfinite(value):
            return False
        decision = self._bracket.on_result(SimpleNamespace(trial_id=number), epoch, value)
        return bool(decision == TrialScheduler.STOP)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> str:
        """Judge, ask to stop if need be, and let the training itself end."""
        if "objective" in result:
            number = trial.config["number"]
            if self.judge(number, int(result["epoch"]), float(result["objective"])):
                self._folder.trial(number).stop.touch()
        return str(TrialScheduler.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: Mapping[str, Any]) -> None:
        """All it reported has been judged."""

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """Its place in the rungs stays."""
