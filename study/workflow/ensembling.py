"""Chooses the ensemble of a study on kept validation probabilities, and judges it like a trial."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models import find_model
from study.commandline.progress import Say
from study.config import Config
from study.errors import FadeoutError
from study.evaluation.averages import FEWEST
from study.evaluation.combining import Candidates, Members, averaged_case, select_members
from study.evaluation.kept import KeptCase
from study.evaluation.rows import ENSEMBLE
from study.evaluation.search import first_half
from study.records import Ranking, StudyFolder, TrialFolder
from study.records.ensemble import EnsembleResult, Member
from study.workflow.postprocessing import fit_postprocessing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from study.evaluation.rows import ResultRow

MOST_CANDIDATES = 20  # the best trials; Caruana et al. 2006 prune the library likewise

__all__ = ["ensemble_trials", "make_ensemble", "try_ensemble"]


class _Chosen(NamedTuple):
    """Candidates by place: all subjects' choice, and that of each half of them."""

    all: Members
    halves: tuple[Members, Members]


def try_ensemble(config: Config, folder: StudyFolder, say: Say) -> None:
    """Make the ensemble of a study; the study is whole without."""
    try:
        make_ensemble(config, folder, say)
    except FadeoutError as error:
        say(f"the ensemble could not be made: {error}; the same command with resume=true tries again")


def make_ensemble(config: Config, folder: StudyFolder, say: Say) -> None:
    """Choose, fit and test the ensemble, and write it to the study's folder; nothing if that is there already.

    Args:
        config: of the study.
        folder: of the study, whose trials have ended.
        say: told what is done.

    Raises:
        StudyError: files of a trial are damaged.
        ConfigError: the device is not available here.
    """
    ranking = Ranking(folder)
    if not config.ensemble.members or ranking.no_winner is not None or len(ranking.winners()) > 1:
        return
    began = time.perf_counter()
    candidates, left_out = _candidates(ranking, config)
    made_of = _digest(config, ranking, candidates)
    known = folder.ensemble.result.read_if_there()
    if known is not None and known.made_of == made_of:
        return
    subjects = ranking.winner.fits.own.read().subjects
    if len(candidates) < 2 or subjects < FEWEST:
        why = (
            "fewer than two trials can be averaged"
            if len(candidates) < 2
            else f"{subjects} validation subjects"
        )
        say(
            f"no ensemble: {why}{'' if len(candidates) < 2 else f' are too few to choose one (at least {FEWEST})'}"
        )
        return
    say(f"ensemble: choosing among {len(candidates)} trials on their validation probabilities")
    chosen = _choose(candidates, config)
    single = len(chosen.all) == 1
    if not single:
        _judge(candidates, chosen, config, folder, say)
    value = None if single else folder.ensemble.fits.own.read().value
    winner_value = ranking.by_objective[0][0]
    folder.ensemble.result.write(
        EnsembleResult(
            made_of=made_of,
            candidates=tuple(trial.number for trial in candidates),
            left_out=left_out,
            members=_members(chosen.all, candidates),
            by_half=(_members(chosen.halves[0], candidates), _members(chosen.halves[1], candidates)),
            winner=ranking.winner.number,
            winner_value=winner_value,
            value=value,
            better=value is not None and value > winner_value,
            seconds=time.perf_counter() - began,
        )
    )


def ensemble_trials(folder: StudyFolder, result: EnsembleResult) -> list[tuple[TrialFolder, int]]:
    """The trials of an ensemble, and how often each counts."""
    return [(folder.trial(member.trial), member.count) for member in result.members]


def _candidates(ranking: Ranking, config: Config) -> tuple[list[TrialFolder], tuple[int, ...]]:
    """The best trials that can be averaged with the winner, and the numbers of those between them that cannot.

    They see the same modalities, are prepared, given subsets and predicted in the same way, and have their weights and
    kept probabilities.
    """
    folder = ranking.folder
    wanted = _alike(folder.trial_config(ranking.winner)), ranking.winner.kept.names()
    fit: list[TrialFolder] = []
    left_out: list[int] = []
    for _, trial in ranking.by_objective:
        if len(fit) == MOST_CANDIDATES:
            break
        same = (_alike(folder.trial_config(trial)), trial.kept.names()) == wanted
        if same and trial.weights.exists and wanted[1]:
            fit.append(trial)
        else:
            left_out.append(trial.number)
    return fit, tuple(left_out)


def _alike(config: Config) -> Mapping[str, object]:
    """What trials must share so that the means of their probabilities, and one bundle, make sense."""
    stacks = find_model(config.model.name).sees_stacks
    return {
        "inputs": config.inputs,
        "droppable": config.modality_dropout.droppable,
        "evaluation": config.evaluation,
        "imaging": config.imaging,
        "imputation": config.imputation,
        "own slices": bool(config.imaging.own_slices) and stacks,
    }


def _digest(config: Config, ranking: Ranking, candidates: Sequence[TrialFolder]) -> str:
    content = [config.ensemble.members, [(trial.number, ranking.value(trial)) for trial in candidates]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _choose(trials: Sequence[TrialFolder], config: Config) -> _Chosen:
    candidates = Candidates(
        _cases(trials), config.objective, config.postprocessing.threshold, config.evaluation.empty_dice
    )
    panel = candidates.panel
    first = first_half(panel.centers, config.study.seed)

    def selected(counts: NDArray[np.bool_]) -> Members:
        return select_members(candidates, config.ensemble.members, counts.astype(np.float64))

    return _Chosen(selected(np.ones_like(first)), (selected(first), selected(~first)))


def _cases(trials: Sequence[TrialFolder]) -> Iterator[tuple[KeptCase, ...]]:
    """Each validation case as all trials predict it; one at a time is in memory."""
    return zip(*(trial.kept.each() for trial in trials), strict=True)


def _judge(
    candidates: Sequence[TrialFolder], chosen: _Chosen, config: Config, folder: StudyFolder, say: Say
) -> None:
    """Fit the post-processing of the ensemble, then score the test subjects once."""
    say("ensemble: searching its post-processing")
    whole, first, second = (_averaged(candidates, each) for each in (chosen.all, *chosen.halves))
    fit = fit_postprocessing(whole, config, (first, second))
    folder.ensemble.fits.own.write(fit)
    members = [(candidates[place], count) for place, count in chosen.all.items()]
    say(f"ensemble: predicting the test subjects with {len(members)} networks")
    folder.ensemble.rows.write(_test(members, folder))


def _averaged(candidates: Sequence[TrialFolder], members: Members) -> list[KeptCase]:
    trials, weights = [candidates[place] for place in members], list(members.values())
    return [averaged_case(cases, weights) for cases in _cases(trials)]


def _test(members: Sequence[tuple[TrialFolder, int]], folder: StudyFolder) -> list[ResultRow]:
    """The rows of the test subjects and control scans: the mean of the members' probabilities, post-processed."""
    from study.machine.runtime import Runtime
    from study.workflow.judging import to_score
    from study.workflow.networks import load_network
    from study.workflow.opening import open_study

    chains, draws = folder.ensemble.fits.chains, sum(count for _, count in members)
    opened = []
    for trial, count in members:
        config = folder.trial_config(trial)
        data = open_study(folder, config)
        runtime = Runtime.choose(config.trainer.device, config.trainer.precision)
        network = load_network(config, data.plan, trial).to(runtime.device)
        opened.append((data, data.judge(runtime), network, count / draws))
    rows = []
    first, judge = opened[0][0], opened[0][1]
    for split, seen, subjects in to_score(first, first.config.cohort.unseen):
        for prepared in subjects:
            means: dict[str, NDArray[np.float32]] = {}
            for data, own_judge, network, share in opened:
                for subject, availability, probability in own_judge.predictions(
                    network, data.of([prepared.key])
                ):
                    part = subject.to_native(probability) * np.float32(share)
                    given = availability.given_text
                    means[given] = means[given] + part if given in means else part
            for availability in judge.subsets(prepared):
                mean = means[availability.given_text]
                rows.append(judge.row(ENSEMBLE, split, seen, prepared, availability, mean, chains))
    return rows


def _members(chosen: Members, candidates: Sequence[TrialFolder]) -> tuple[Member, ...]:
    return tuple(
        Member(trial=candidates[place].number, count=count)
        for place, count in sorted(chosen.items(), key=lambda pair: (-pair[1], pair[0]))
    )
