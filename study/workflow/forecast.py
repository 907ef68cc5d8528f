"""Forecast of a study in under two seconds: reads no scan and builds no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict

from search_spaces import SearchSpace
from study.cohort import plan_cohort, split_cohort
from study.cohort.modalities import check_modalities
from study.cohort.records import Cohort, Splits
from study.cohort.remarks import remarks
from study.config import Config
from study.records.goals import rule_in_words
from study.streaming.turns import choose_slots
from study.workflow.cost import cost_lines, kept_lines
from study.workflow.doubts import evidence_doubts, training_doubts
from study.workflow.feasible import obstacles
from study.workflow.fresh_brains import brain_lines
from study.workflow.rung_lines import rung_lines
from study.workflow.searched import describe_search
from study.workflow.sight import judging_subjects, sight_line


def forecast(config: Config, *, searches: bool = True) -> str:
    """The plan of a study: trials, rungs, cost, what is searched, subjects by use, and what speaks against it.

    Args:
        config: of the study.
        searches: whether settings of the training are searched; a single training has the configured ones.

    Raises:
        ConfigError: the configuration asks for registration and ANTs is not installed.
    """
    if config.imaging.registration == "rigid":
        from study.imaging.register import require_registration

        require_registration()
    cohort = plan_cohort(config.cohort, config.phantom_root)
    check_modalities(cohort, config.cohort.modalities)
    splits = split_cohort(cohort, config.cohort, config.objective.centers)
    space = SearchSpace.parse(config.search_space, config)
    searched = describe_search(space if searches else space.postprocessing, config.study.trials)
    lines = [*_trials(config, space), *cost_lines(config)]
    lines += kept_lines(config, len(splits.validation))
    lines += brain_lines(config)
    choose_slots(cohort, splits, config.cohort.phantom)
    lines += ["", *searched, "", *_subjects(cohort, splits, config)]
    centers = {subject.key: subject.center for subject in cohort.subjects}
    if searches:
        lines.append(f"  {sight_line(config, len(judging_subjects(config, splits, centers)))}")
    if doubts := [*evidence_doubts(config, splits, centers), *training_doubts(config)]:
        lines += ["", "Please note:", *(f"  {doubt}" for doubt in doubts)]
    if found := obstacles(config, searches=searches, looks_for_gpus=False):
        lines += ["", "It cannot run on this machine:", *(f"  {obstacle}" for obstacle in found)]
    return "\n".join(lines)


def _trials(config: Config, space: SearchSpace) -> Iterator[str]:
    trainer, tuning, trials = config.trainer, config.tuning, config.study.trials
    yield f"Study {config.study.name}: {trials} trials, {trainer.epochs} epochs each at most"
    if tuning.scheduler != "none" and trials > 1:
        yield from (f"  {line}" for line in rung_lines(config, space))
    if goals := config.objective.front:
        yield f"  the search is for the Pareto front of {', '.join(goals)}; {rule_in_words(config.objective)} wins"
        yield "  early stopping and post-processing go by the weighted mean of Dice (objective.full, missing, …)"
    if repeats := config.study.replicates:
        yield f"  {2 * repeats} trainings more: the winner and its rival, {repeats} times each with other seeds"


def _subjects(cohort: Cohort, splits: Splits, config: Config) -> Iterator[str]:
    """The number of subjects for each use, by center; then the reasons why others are not used."""
    yield "Subjects (only those with a reference mask are used):"
    uses = {use: keys for use, keys in asdict(splits).items() if keys or use != "control"}
    centers = {subject.key: subject.center for subject in cohort.subjects}
    counts = {use: Counter(centers[key] for key in keys) for use, keys in uses.items()}
    width = max(map(len, cohort.centers), default=6)
    yield f"  {'center':<{width}}" + "".join(f"{use:>12}" for use in (*uses, "not used"))
    everyone = Counter(centers.values())
    for center in cohort.centers:
        used = [counts[use][center] for use in uses]
        row = (*used, everyone[center] - sum(used))
        yield f"  {center:<{width}}" + "".join(f"{number:>12}" for number in row)
    yield from (f"  {remark}" for remark in remarks(cohort, splits, config.cohort))
    if cohort.skipped:
        yield f"  skipped because of problems: {cohort.skipped}"
