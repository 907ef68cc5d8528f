"""One trial: train, judge on validation subjects, fit the post-processing, test once; all into its folder."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from search_spaces.space import SearchSpace
from study.config import Config, Postprocessing
from study.evaluation.cross_center import Judge
from study.evaluation.kept import KeptCase, keep, write_kept
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.evaluation.postprocessing import postprocess
from study.evaluation.search import PostprocessingFit, search_postprocessing
from study.imaging.prepare import Prepared
from study.preparation import StudyData, open_study
from study.results import Row, StudyFolder, TrialFolder, atomic, write_json, write_rows
from study.training.batches import Samples
from study.training.loop import Outcome, Report, choose_device, choose_precision, train
from study.training.objectives import training_objective
from study.training.ranks import Ranks
from study.training.rungs import rung_epochs
from study.weights import apply_start, build_network, read_start, save_weights


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
    )
    rungs = rung_epochs(
        trainer.epochs, config.tuning.first_rung, config.tuning.reduction_factor, trainer.validate_every
    )
    ranks = Ranks.current()
    samples = Samples(config, data.prepared(data.splits.train), data.plan.patch_size, rungs, ranks.world)
    watched = data.prepared(data.splits.validation)

    def validate(trained: nn.Module) -> Mapping[str, float]:
        return _validate(judge, trained, watched, ranks)

    objective = training_objective(config, network)
    outcome = train(network, samples, folder.checkpoint, folder.epochs, objective, validate, report)
    if not ranks.first:
        return None
    result = (
        _stopped(outcome) if outcome.stopped else _judge_trial(config, folder, data, judge, network, outcome)
    )
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


def _judge_trial(
    config: Config, folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module, outcome: Outcome
) -> dict[str, Any]:
    kept = _keep_validation(folder, data, judge, network)
    fit = search_postprocessing(
        kept,
        config.postprocessing,
        config.evaluation.postprocessing_trials,
        config.study.seed,
        SearchSpace.parse(config.search_space, config).postprocessing,
        config.objective,
        empty_dice=config.evaluation.empty_dice,
        bootstrap=config.evaluation.bootstrap,
    )
    rows = _test(folder, data, judge, network, fit.best)
    save_weights(folder.weights, network)
    write_rows(folder.rows, rows)
    return {
        "state": "complete",
        "value": _honest_value(fit),
        "postprocessing": fit.best.model_dump(),
        "crossfit": fit.to_dict(),
        "scores": _scores(rows),
    }


def _honest_value(fit: PostprocessingFit) -> float:
    """What the trial is compared by: the cross-fitted score, or the default's where that is kept."""
    return fit.crossfit_score if fit.gain > 0 and math.isfinite(fit.crossfit_score) else fit.default_score


def _keep_validation(
    folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module
) -> list[KeptCase]:
    """Predict validation subjects, on their own grids, and keep the probabilities."""
    shutil.rmtree(folder.probabilities, ignore_errors=True)
    kept = []
    for prepared, subset, probability in judge.predictions(network, data.prepared(data.splits.validation)):
        case = keep(
            prepared.to_native(probability),
            np.asarray(prepared.native_target, bool),
            key=prepared.key,
            center=data.centers[prepared.key],
            subset=subset.name,
            removed=subset.removed,
            spacing_mm=prepared.native.spacing_mm,
        )
        write_kept(folder.probabilities / f"{prepared.key}_{subset.name}.npz", case)
        kept.append(case)
    return kept


def _test(
    folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module, settings: Postprocessing
) -> list[Row]:
    """Score test subjects, seen and unseen, once; nothing is chosen by these rows."""
    rows: list[Row] = []
    pictures: dict[str, tuple[Prepared, str, Any]] = {}
    for seen, keys in ((True, data.splits.test), (False, data.splits.unseen)):
        for prepared, subset, probability in judge.predictions(network, data.prepared(keys)):
            native = prepared.to_native(probability)
            rows.append(judge.row(folder.number, "test", seen, prepared, subset, native, settings))
            center = data.centers[prepared.key]
            if not subset.removed and _shows_more(prepared, pictures.get(center)):
                voxel_ml = float(np.prod(prepared.grid.spacing_mm)) / 1000
                pictures[center] = (prepared, subset.name, postprocess(probability, settings, voxel_ml))
    _write_overlays(folder, judge.config.cohort.modalities, pictures)
    return rows


def _shows_more(prepared: Prepared, other: tuple[Prepared, str, Any] | None) -> bool:
    """True for the subject with the larger reference: one picture per center, of a lesion that can be seen."""
    return other is None or len(prepared.foreground) > len(other[0].foreground)


def _write_overlays(
    folder: TrialFolder, modalities: Sequence[str], pictures: Mapping[str, tuple[Prepared, str, Any]]
) -> None:
    arrays: dict[str, Any] = {"modalities": np.array(modalities)}
    for center, (prepared, subset, mask) in pictures.items():
        target = np.asarray(prepared.target)
        at = int(np.argmax(target.sum((1, 2)))) if target.any() else target.shape[0] // 2
        arrays[f"{center}/image"] = np.asarray(prepared.image[:, at], np.float16)
        arrays[f"{center}/reference"] = target[at].astype(bool)
        arrays[f"{center}/prediction"] = mask[at]
        arrays[f"{center}/subset"] = np.array(subset)
    path = folder.path / "overlays.npz"
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _scores(rows: Sequence[Row]) -> dict[str, float]:
    """Mean Dice on test subjects by center and subset, for the tracking."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(f"test_dice.{row.center}.{row.subset}", []).append(row.dice)
    means = {name: float(np.nanmean(values)) for name, values in groups.items() if not np.isnan(values).all()}
    return dict(sorted(means.items()))
