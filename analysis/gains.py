"""What the winner of a study gains over its rival, beside what another seed alone changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.cases import Cases
from analysis.cross_center import CENTERS, REMOVED
from analysis.mirrored import mirrored_name
from analysis.pairing import contrast, difference_table
from study.records import CompleteTrial, Ranking, TrialFolder, replicates_of

if TYPE_CHECKING:
    from analysis.method import Method
    from analysis.tables import Table


ALONE = (
    "The winner is the best of several by the objective, and so in part the luckiest: study.replicates=3 resume=true "
    "trains both again with other seeds."
)


@dataclass(frozen=True)
class Compared:
    """The trainings that are compared.

    Attributes:
        rival: the winner's.
        is_default: whether that has the default settings; otherwise it is the second best.
        first, second: that stand for the winner and for the rival; none for a rival that is not complete.
        repeated: whether these are replicates.
    """

    rival: TrialFolder
    is_default: bool
    first: list[TrialFolder]
    second: list[TrialFolder]
    repeated: bool


def gain_table(ranking: Ranking, method: Method) -> Table | None:
    """The winner against its rival on test subjects; None without a rival that was tested.

    With replicates of both (`study.replicates`), these stand for the two, as their seeds took no part in the search.
    Otherwise the trials of the search do, of which the winner is the luckiest.

    Args:
        ranking: of the study.
        method: how means are taken.

    Raises:
        StudyError: no trial is complete.
    """
    if (runs := compared_runs(ranking)) is None:
        return None
    winner, rival = ranking.winner, runs.rival
    tested = (runs.first, runs.second)
    rows = [[run.rows.read() for run in of_trial] for of_trial in tested]
    first, second = ([dict(Cases.of(run).groups()) for run in of_trial] for of_trial in rows)
    contrasts = [
        contrast(
            (group.centers, group.removed),
            [run[group] for run in first if group in run],
            [run[group] for run in second if group in run],
            method,
            beyond=group.unseen,
        )
        for group in sorted({group for run in (*first, *second) for group in run})
    ]
    shown = [one for one in contrasts if one.difference.estimate.n]
    if not shown:
        return None
    one, other = (
        mirrored_name(f"trial {trial.number}", of_trial[0])
        for trial, of_trial in zip((winner, rival), rows, strict=True)
    )
    title = f"The winner ({one}) against {rival_kind(ranking)} ({other}), on the same test subjects"
    table = difference_table("gains", title, (one, other), (CENTERS, REMOVED), shown, method)
    again = [(trial, replicates_of(ranking.folder, trial.number)) for trial in (winner, rival)]
    notes = [_objective(ranking, trial, repetitions) for trial, repetitions in again if repetitions]
    return replace(table, notes=(*table.notes, *notes, *([] if runs.repeated else [ALONE])))


def compared_runs(ranking: Ranking) -> Compared | None:
    """The trainings that stand for the winner and its rival; None without a rival, or with independent models.

    Raises:
        StudyError: no trial is complete.
    """
    winner, rival = ranking.winner, ranking.rival
    if rival is None or len(ranking.winners()) > 1:
        return None
    is_default = ranking.default is not None and ranking.default.number == rival.number
    first, second = (replicates_of(ranking.folder, trial.number) for trial in (winner, rival))
    if first and second:
        return Compared(rival, is_default, first, second, repeated=True)
    return Compared(rival, is_default, [winner], [rival] if rival in ranking.complete else [], repeated=False)


def rival_kind(ranking: Ranking) -> str:
    """What the winner's rival is, in words; raises StudyError if no trial is complete."""
    default = ranking.default
    return kind_in_words(is_default=default is not None and default.number != ranking.winner.number)


def kind_in_words(*, is_default: bool) -> str:
    """What a rival is, in words: it has the default settings, or is the second best."""
    return "the default settings" if is_default else "the second best"


def _objective(ranking: Ranking, trial: TrialFolder, runs: list[TrialFolder]) -> str:
    """What the objective on validation subjects was in the search, and is with other seeds."""
    results = [run.result.read() for run in runs]
    values = np.array([one.value for one in results if isinstance(one, CompleteTrial)])
    spread = f", sd {values.std(ddof=1):.3f}" if values.size > 1 else ""
    searched = ranking.value(trial)
    had = "" if searched is None else f"{searched:.3f} in the search, "
    each = " ".join(f"{value:.3f}" for value in values)
    return f"Objective of trial {trial.number} on validation subjects: {had}{each} with other seeds{spread}."
