"""What the driver does with a report: it stores the objective, and decides whether the training should stop."""

from __future__ import annotations

import math
from collections.abc import Callable

from study.config.parts import find_part
from study.training.rungs import study_rungs
from study.tuning.comparable import Comparable
from study.tuning.ledger import Ledger
from study.tuning.messages import Report
from study.tuning.search_plan import SearchPlan
from study.tuning.stopping import StoppingRule


class Judgement:
    """Stores reports in the database, and applies the stopping rule to them.

    Trials are known to the rule by their number in the study, so that repeated reports of a trial that is run again
    count once. What was decided is stored: a trial that was told to stop, and whose process died before it could, stops
    where it would have.

    Args:
        plan: of the search.
        ledger: holds what trials of earlier runs have reported, which is replayed to the rule.
        changed: callback for a trial that has reported.
        progressed: callback for a trial that has reported an epoch for the first time.
    """

    def __init__(
        self,
        plan: SearchPlan,
        ledger: Ledger,
        changed: Callable[[int], None],
        progressed: Callable[[int], None],
    ) -> None:
        self._ledger, self._changed, self._progressed = ledger, changed, progressed
        rungs = list(study_rungs(plan.trainer, plan.tuning))
        self._rule: StoppingRule | None = (
            find_part("schedulers", plan.tuning.scheduler)(rungs, plan.tuning) if rungs else None
        )
        self._comparable = Comparable(plan, rungs, ledger.chosen)
        for number, values in ledger.intermediate_values().items():
            for epoch, value in sorted(values.items()):
                self._judge(number, epoch, value)

    def __call__(self, number: int, report: Report) -> bool:
        """Whether a trial that reports this should stop; a value that is not finite decides nothing."""
        if not math.isfinite(report.objective):
            return self._ledger.is_stopped(number)
        if self._ledger.report(number, report.epoch, report.objective):
            self._progressed(number)
        if self._judge(number, report.epoch, report.objective):
            self._ledger.stop(number)
        self._changed(number)
        return self._ledger.is_stopped(number)

    def _judge(self, number: int, epoch: int, value: float) -> bool:
        return (
            self._rule is not None
            and self._comparable.at(number, epoch)
            and self._rule.judge(number, epoch, value)
        )
