"""Trains the winner and its rival again with other seeds, after the search: what a gain is worth beside chance.

Replicates are trials beside the trials of a study: they have a folder and numbers of their own, the sampler never sees
them, and none can win.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from study.commandline.progress import Say
from study.config import Config
from study.records import FailedTrial, Ranking, Replicate, StudyFolder
from study.tuning.search_plan import SearchPlan
from study.workflow.searching import search_plan

SEEDS = 2**31


def replicate_plan(config: Config, folder: StudyFolder) -> SearchPlan | None:
    """What is to be repeated, written down in the folders of the replicates; None if there is nothing.

    Those of an earlier run count: a study that is resumed with more replicates trains only what is missing.

    Args:
        config: of the study.
        folder: of the study, whose trials have ended.
    """
    ranking = Ranking(folder)
    if not (config.study.replicates and ranking.no_winner is None):
        return None
    there = [one.replicate.read() for one in folder.replicates.trials()]
    repeated = [trial.number for trial in (ranking.winner, ranking.rival) if trial is not None]
    for number in range(1, config.study.replicates + 1):
        for trial in repeated:
            wanted = Replicate(trial=trial, seed=(config.study.seed + number) % SEEDS)
            if wanted not in there:
                folder.replicates.trial(len(there)).replicate.write(wanted)
                there.append(wanted)
    return replace(
        search_plan(config),
        study=config.study.model_copy(
            update={"name": f"{config.study.name}.replicates", "trials": len(there)}
        ),
        tuning=config.tuning.model_copy(update={"scheduler": "none"}),
        given=tuple({**folder.trial(one.trial).searched(), "study.seed": one.seed} for one in there),
    )


def announcing_replicates(
    folder: StudyFolder, plan: SearchPlan, track: Callable[[int], None], stored: Callable[[], None], say: Say
) -> Callable[[int], None]:
    """Callback for updates of replicates: passes each on to the tracking, announces each end once, and stores it."""
    announced: set[int] = set()

    def changed(number: int) -> None:
        replicate = folder.replicates.trial(number)
        repeated, result = replicate.replicate.read(), replicate.result.read_if_there()
        track(repeated.trial)
        if result is not None and number not in announced:
            announced.add(number)
            how = result.error if isinstance(result, FailedTrial) else f"objective {result.value:.3f}"
            say(
                f"trial {repeated.trial} with seed {repeated.seed} {result.state}: {how} "
                f"(replicate {number + 1} of {plan.study.trials})"
            )
        stored()

    return changed
