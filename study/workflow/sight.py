"""How small a difference between trials the validation subjects can show."""

from __future__ import annotations

from collections.abc import Mapping

from study.cohort.records import Splits
from study.config import Config
from study.evaluation.averages import FEWEST
from study.records import PreparedStudy, Ranking, StudyFolder

__all__ = ["FIRST_TRIALS", "judging_subjects", "measured_sight", "sight_line"]

ASSUMED_SPREAD = (
    0.1  # of subjects' Dice differences between two settings; measured as soon as there are trials
)
FIRST_TRIALS = 3  # complete ones, after which the spread is told as it is


def judging_subjects(config: Config, splits: Splits, centers: Mapping[str, str]) -> list[str]:
    """The keys of the validation subjects that the objective reads.

    Args:
        config: of the study.
        splits: of its cohort.
        centers: of the subjects, by key.
    """
    counting = config.objective.centers
    return [key for key in splits.validation if counting is None or centers[key] in counting]


def sight_line(config: Config, subjects: int) -> str:
    """What so many validation subjects can tell apart; with the spread of the study's own trials, if it has some."""
    from analysis.power import detectable_difference

    if subjects < FEWEST:
        few = (
            "a single validation subject judges" if subjects == 1 else f"{subjects} validation subjects judge"
        )
        return f"{few} the trials: below {FEWEST}, no two can be told apart"
    spread, source = _spread(config)
    found = detectable_difference(subjects, spread)
    return (
        f"{subjects} validation subjects judge the trials: a difference of {found:.3f} between two is told 80 times in "
        f"100 (paired t test; {source})"
    )


def measured_sight(config: Config, folder: StudyFolder) -> str:
    """The line for a study that has trials."""
    prepared: PreparedStudy = folder.prepared.read()
    centers = {one.facts.key: one.facts.center for one in prepared.used}
    return sight_line(config, len(judging_subjects(config, prepared.splits, centers)))


def _spread(config: Config) -> tuple[float, str]:
    """The standard deviation of subjects' differences between two trials, and where it is from, in words."""
    folder = StudyFolder(config.study.root, config.study.name)
    if folder.config.exists:
        from analysis.certainty import trial_spread

        ranking = Ranking(folder)
        if spread := trial_spread(ranking, config.objective):
            trials = len(ranking.by_objective)
            return spread, f"subjects' differences vary by {spread:.3f} between {trials} trials so far"
    return ASSUMED_SPREAD, f"it is assumed that subjects' differences vary by {ASSUMED_SPREAD}"
