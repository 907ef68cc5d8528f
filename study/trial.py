"""One trial, from its configuration to its result.json: train, then have it judged; all into its folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from study.config import Config
from study.evaluation.cross_center import Judge
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.imaging.prepare import Prepared
from study.judging import judge_trial
from study.preparation import StudyData, open_study
from study.results import StudyFolder, TrialFolder, write_json
from study.training.batches import Samples
from study.training.loop import Outcome, Report, choose_device, choose_precision, train
from study.training.objectives import training_objective
from study.training.ranks import Ranks
from study.training.rungs import rung_epochs
from study.weights import apply_start, build_network, read_start


def run_trial(config: Config, folder: TrialFolder, report: Report) -> dict[str, Any] | None:
    """Run one trial, from its checkpoint where there is one, to its result.json, which is written last.

    Args:
        config: with the trial's own values.
        folder: the trial's, inside a folder that `prepare_study` made.
        report: gets finished epochs and metrics (with `objective`) at each validation; True asks for an end.

    Returns:
        The content of result.json; None in processes other than the first.

    Raises:
        TrainingError: see `study.training.loop.train`.
        ConfigError: the network does not fit the cohort.
    """
    began = time.perf_counter()
    config = config.narrowed()
    study = StudyFolder(folder.path.parent.parent.parent, folder.path.parent.parent.name)
    data = open_study(study, config)
    trainer = config.trainer
    torch.manual_seed(config.study.seed)
    network = build_network(config, data.plan)
    if (start := read_start(study)) is not None:
        apply_start(start, network, config, data.plan)
    device = choose_device(trainer)
    precision = choose_precision(trainer, device)
    judge = Judge(
        config,
        data.plan.patch_size,
        data.centers,
        device,
        None if precision == torch.float32 else precision,
        data.withheld,
        data.occlusions,
        data.substituted,
    )
    rungs = rung_epochs(
        trainer.epochs, config.tuning.first_rung, config.tuning.reduction_factor, trainer.validate_every
    )
    ranks = Ranks.current()
    learnt = data.prepared(data.splits.train)
    samples = Samples(config, learnt, data.centers, data.plan.patch_size, rungs, ranks.world)
    watched = data.prepared(data.splits.validation)

    def validate(trained: nn.Module) -> Mapping[str, float]:
        return _validate(judge, trained, watched, ranks)

    if config.model.name == "urn" and config.model.unified.pretraining_epochs > 0:
        _pretrain(config, folder, data, network, ranks)
    objective = training_objective(config, network)
    outcome = train(network, samples, folder.checkpoint, folder.epochs, objective, validate, report)
    if not ranks.first:
        return None
    result = _stopped(outcome) if outcome.stopped else judge_trial(config, folder, data, judge, network)
    result = {
        "trial": folder.number,
        **result,
        "epochs": len(outcome.history),
        "seconds": time.perf_counter() - began,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "error": None,
    }
    write_json(folder.result, result)
    return result


def _pretrain(config: Config, folder: TrialFolder, data: StudyData, network: nn.Module, ranks: Ranks) -> None:
    """Learn the unified representation by synthesis, then keep it as it is (Lau 2019, section 2.4)."""
    from study.training.unified import freeze_encoders, pretraining_config, synthesis_objective

    first = pretraining_config(config)
    learnt = data.prepared(data.splits.train)
    samples = Samples(first, learnt, data.centers, data.plan.patch_size, (), ranks.world)
    train(
        network,
        samples,
        folder.pretraining,
        folder.pretraining_epochs,
        synthesis_objective(config),
        lambda network: {},
        lambda epoch, metrics: False,
    )
    freeze_encoders(network)


def _validate(
    judge: Judge, network: nn.Module, watched: Sequence[Prepared], ranks: Ranks
) -> dict[str, float]:
    """Validation Dice on the prepared grid with the configured threshold; subjects are shared between processes."""
    config = judge.config
    own = watched[ranks.rank :: ranks.world]
    records = [
        (
            judge.centers[prepared.key],
            prepared.key,
            subset.removed,
            dice(
                np.asarray(prepared.target),
                probability >= config.postprocessing.threshold,
                config.evaluation.empty_dice,
            ),
        )
        for prepared, subset, probability in judge.predictions(network, own)
    ]
    parts = objective_score(ranks.gather(records), config.objective)
    return {
        **{f"val_dice_{name}": parts[name] for name in ("full", "missing", "worst_center")},
        "objective": parts["objective"],
    }


def _stopped(outcome: Outcome) -> dict[str, Any]:
    return {
        "state": "pruned",
        "value": outcome.history[-1]["objective"],
        "postprocessing": None,
        "crossfit": None,
        "scores": {},
    }
