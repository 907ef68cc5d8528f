"""The ensemble of a study against its winner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.cases import Cases
from analysis.cross_center import CENTERS, REMOVED, cross_center_table
from analysis.differences import Difference, difference
from analysis.method import Method
from analysis.mirrored import mirrored_name
from analysis.pairing import contrast, difference_table
from analysis.rendering import shown_estimate
from study.config import Objective
from study.evaluation.fit import PostprocessingFit
from study.evaluation.objective import subject_objectives
from study.records import StudyFolder

if TYPE_CHECKING:
    from analysis.tables import Table
    from study.records.ensemble import EnsembleResult

CHOSEN = (
    "The ensemble was chosen on validation subjects; its objective there is cross-fitted: members and post-processing "
    "are those that the other half of the subjects chose."
)


def ensemble_tables(folder: StudyFolder, method: Method) -> list[Table]:
    """The ensemble by center and modalities, and against the winner on the same test subjects; none without one."""
    result = folder.ensemble.result.read_if_there()
    if result is None or result.value is None:
        return []
    own, winners = folder.ensemble.rows.read(), folder.trial(result.winner).rows.read()
    by_center = cross_center_table(own, method)
    title = mirrored_name(f"Ensemble of trials {result.trials}. {by_center.title}", own)
    first, second = (dict(Cases.of(rows).groups()) for rows in (own, winners))
    contrasts = [
        contrast((group.centers, group.removed), [first[group]], [second[group]], method, beyond=group.unseen)
        for group in sorted(first.keys() & second.keys())
    ]
    shown = [one for one in contrasts if one.difference.estimate.n]
    if not shown:
        return []
    winner = f"trial {result.winner}"
    against = difference_table(
        "ensemble",
        f"The ensemble against the winner ({winner}), on the same test subjects",
        ("ensemble", mirrored_name(winner, winners)),
        (CENTERS, REMOVED),
        shown,
        method,
    )
    return [
        replace(by_center, name="ensemble_cross_center", title=title),
        replace(against, notes=(*against.notes, CHOSEN)),
    ]


def ensemble_in_words(folder: StudyFolder, objective: Objective) -> str | None:
    """What was chosen, and whether it is better than the winner on validation subjects; None without an ensemble."""
    result = folder.ensemble.result.read_if_there()
    if result is None:
        return None
    if result.value is None:
        return f"Ensemble: no mean of trials does better than trial {result.trials} alone on validation subjects."
    found = _on_validation(folder, result, objective).estimate
    kept = "it is exported in the winner's place" if result.better else "the winner is exported"
    return (
        f"Ensemble of trials {result.trials}: objective {result.value:.3f} (validation, cross-fitted), the winner's "
        f"{result.winner_value:.3f}; difference {shown_estimate(found, signed=True)}, n = {found.n}; {kept}."
    )


def _on_validation(folder: StudyFolder, result: EnsembleResult, objective: Objective) -> Difference:
    """Ensemble minus winner, by subject."""
    fits = folder.ensemble.fits.own.read(), folder.trial(result.winner).fits.own.read()
    one, other = (_by_subject(fit, objective) for fit in fits)
    subjects = sorted(one.keys() & other.keys())
    values = [np.array([[each[subject] for subject in subjects]]) for each in (one, other)]
    return difference(values[0], values[1], [center for center, _ in subjects])


def _by_subject(fit: PostprocessingFit, objective: Objective) -> dict[tuple[str, str], float]:
    values = subject_objectives(fit.scores, objective).tolist()
    return {(one.center, one.subject): value for one, value in zip(fit.scores, values, strict=True)}
