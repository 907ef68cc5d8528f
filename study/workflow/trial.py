"""Runs one trial: trains the network, judges it, and writes everything to the trial's folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import nn

from study.config import Config
from study.evaluation.cross_center import Judge
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.imaging.prepared import Prepared
from study.machine.runtime import Runtime
from study.records import CompleteTrial, PrunedTrial, TrialFolder
from study.training.checkpoint import CheckpointStore
from study.training.course import Course
from study.training.epoch import ValidationScores
from study.training.loop import Report, train
from study.training.memory import advising_on_memory
from study.training.ranks import Ranks
from study.training.recipe import Stage
from study.training.samples import Samples
from study.workflow.course import network_recipe, training_course
from study.workflow.judging import judge_trial
from study.workflow.networks import apply_start, build_network
from study.workflow.opening import StudyData, open_study


def run_trial(config: Config, folder: TrialFolder, report: Report) -> CompleteTrial | PrunedTrial | None:
    """Run one trial, from its checkpoint if there is one; the result is written last.

    Args:
        config: of the study, with the trial's own values.
        folder: of the trial, inside a study's folder that `prepare_study` wrote.
        report: receives each validated epoch; returns True to stop the training.

    Returns:
        How the trial ended; None in processes other than the first.

    Raises:
        TrainingError: see `study.training.loop.train`.
        ConfigError: the network does not fit the cohort, or the device is not available.
        MemoryShortageError: memory has run out.
        LoaderError: a process that draws patches died or hangs.
        ProducerError: a process that makes fresh brains died, or cannot write.
    """
    with advising_on_memory(config.trainer):
        return _run_trial(config, folder, report)


def _run_trial(config: Config, folder: TrialFolder, report: Report) -> CompleteTrial | PrunedTrial | None:
    began = time.perf_counter()
    config = config.narrowed()
    data = open_study(folder.study, config)
    runtime = Runtime.choose(config.trainer.device, config.trainer.precision)
    torch.manual_seed(config.study.seed)
    network = build_network(config, data.plan)
    if (start := folder.study.start.read()) is not None:
        apply_start(start, network, config, data.plan)
    judge, ranks = data.judge(runtime), Ranks.current()
    course = training_course(config)
    recipe = network_recipe(config, course, network)
    if (stage := recipe.pretraining) is not None:
        samples = _samples(stage.course, data, ranks)
        _pretrain(stage, network, samples, folder.pretraining, runtime)
    watched = data.of(data.splits.validation)
    outcome = train(
        network,
        _samples(course, data, ranks),
        folder.training,
        recipe.criterion,
        runtime,
        partial(_validate, config, judge.plain(), watched=watched, ranks=ranks),
        report,
        recipe.subsets,
    )
    if not ranks.first:
        return None
    train_s = sum(epoch.seconds for epoch in (*folder.pretraining.epochs.read(), *outcome.history))
    judged = None if outcome.stopped else judge_trial(folder, data, judge, network, train_s)
    seconds, epochs = time.perf_counter() - began, len(outcome.history)
    ended = {"trial": folder.number, "epochs": epochs, "seconds": seconds, "device": runtime.name}
    result: CompleteTrial | PrunedTrial
    if judged is None:
        result = PrunedTrial(**ended, value=outcome.history[-1].objective)
    else:
        result = CompleteTrial(**ended, value=folder.fits.own.read().value, **judged._asdict())
    folder.result.write(result)
    return result


def _samples(course: Course, data: StudyData, ranks: Ranks) -> Samples:
    return Samples(course, data.of(data.splits.train), data.plan.patch_size, ranks.world, data.stream)


def _pretrain(
    stage: Stage, network: nn.Module, samples: Samples, store: CheckpointStore, runtime: Runtime
) -> None:
    """Train the first stage to its end, without validation, and let it change the network for the next."""
    train(network, samples, store, stage.criterion, runtime, lambda network: None, lambda epoch: False)
    stage.finish(network)


def _validate(
    config: Config, judge: Judge, network: nn.Module, *, watched: Sequence[Prepared], ranks: Ranks
) -> ValidationScores:
    """Validation Dice on the prepared grid at the configured threshold; processes share the subjects."""
    own = watched[ranks.rank :: ranks.world]
    records = [
        (
            prepared.facts.center,
            prepared.key,
            bool(availability.removed),
            dice(
                np.asarray(prepared.target),
                probability >= config.postprocessing.threshold,
                config.evaluation.empty_dice,
            ),
        )
        for prepared, availability, probability in judge.predictions(network, own)
    ]
    return objective_score(ranks.gather(records), config.objective)
