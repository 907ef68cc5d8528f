"""How often is too often: when a trial is not tried again, and when the study stops."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from study.tuning.faults import Action, Fault

__all__ = ["IN_A_ROW", "Decision", "Faults", "pause_s"]

IN_A_ROW = 8  # with pauses of 5, 10, 20, … seconds, one trial alone waits for ten minutes until it is the eighth time
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
_CONTINUE = "the trial continues from its checkpoint"


def pause_s(tries: int) -> float:
    """How long to wait before a trial is tried again, after so many faults without progress (1 or more)."""
    return float(min(FIRST_PAUSE_S * 2 ** min(tries - 1, 30), LONGEST_PAUSE_S))


@dataclass(frozen=True)
class Decision:
    """What to do after a fault of a trial.

    Attributes:
        action: RETRY, FAIL or STOP.
        reason: for the user: what happened, how often, and what to do.
        pause_s: how long to wait before the trial is tried again.
    """

    action: Action
    reason: str
    pause_s: float = 0.0


class Faults:
    """Counts faults, and decides when there are too many.

    - A trial fails when it has had more than `tuning.max_failures` faults for which it may be to blame (`by_trial`: its
      process died, memory, its loader, a GPU) since its own last progress, or IN_A_ROW faults of any kind.
    - The study stops when one trial has met the same cause IN_A_ROW times, or IN_A_ROW trials have failed for the same
      cause, and no trial has made progress meanwhile.

    Progress is an epoch that had not been reported before, or an end that is no failure.

    Args:
        max_failures: `tuning.max_failures`.
        in_a_row: IN_A_ROW, or another number.
    """

    def __init__(self, max_failures: int, in_a_row: int = IN_A_ROW) -> None:
        self._max_failures = max_failures
        self._in_a_row = in_a_row
        self._own: Counter[int] = Counter()  # faults of a trial since its own progress
        self._by_trial: Counter[int] = Counter()  # of these, those for which it may be to blame
        self._met: Counter[tuple[str, int]] = Counter()  # by cause and trial, since any progress
        self._failed: Counter[str] = Counter()  # trials by cause, since any progress

    def progressed(self, trial: int) -> None:
        """A trial has reported a new epoch, or has ended without failure."""
        del self._own[trial], self._by_trial[trial]
        self._met.clear()
        self._failed.clear()

    def decide(self, trial: int, fault: Fault) -> Decision:
        """Count a fault of a trial, and decide what follows."""
        said = f"{fault.cause}: {fault.advice}" if fault.advice else fault.cause
        if fault.action is Action.STOP:
            return Decision(Action.STOP, f"{said}; then resume with resume=true")
        self._own[trial] += 1
        self._by_trial[trial] += fault.by_trial
        self._met[fault.cause, trial] += 1
        used_up = self._used_up(trial)
        final = fault.action is Action.FAIL or used_up is not None
        self._failed[fault.cause] += final
        often = max(self._failed[fault.cause], self._met[fault.cause, trial])
        if often >= self._in_a_row:
            return Decision(
                Action.STOP,
                f"{often} times in a row, without any progress: {said}; then resume with resume=true",
            )
        if final:
            return Decision(Action.FAIL, f"{said} ({used_up})" if used_up else said)
        return Decision(Action.RETRY, f"{said}; {_CONTINUE}", pause_s(self._own[trial]))

    def _used_up(self, trial: int) -> str | None:
        """Why a trial is not tried again; None if it is."""
        if self._by_trial[trial] > self._max_failures:
            return f"tuning.max_failures: {self._max_failures} restarts without progress are used up"
        if self._own[trial] >= self._in_a_row:
            return f"{self._in_a_row} faults without progress"
        return None
