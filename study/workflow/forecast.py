"""Forecast of a study in under two seconds: reads no scan and builds no network."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict

from models import ModelSpec, find_model
from search_spaces import availability_subsets
from study.cohort import plan_cohort, split_cohort
from study.cohort.modalities import check_modalities
from study.cohort.remarks import remarks
from study.config import Config
from study.training.rungs import study_rungs

# The printed text states these rates: a forecast is not a measurement.
CPU_FLOPS_PER_S = 4e10
GPU_FLOPS_PER_S = 2e13
STORED_COPIES = 5  # of a trial's parameters: the weights, and model and momentum in the last two checkpoints
# For a map of 512×512×100 voxels, 5 million of them brain. Measured: 1.8 to 4.2; uncertain networks need more.
KEPT_MB = 3.0


def forecast(config: Config) -> str:
    """The plan of a study: trials, rungs, upper bounds on hours and disk, subjects per split and center.

    Raises:
        ConfigError: the configuration asks for registration and ANTs is not installed.
    """
    if config.imaging.registration == "rigid":
        from study.imaging.register import require_registration

        require_registration()
    cohort = plan_cohort(config.cohort, config.phantom_root)
    check_modalities(cohort, config.cohort.modalities)
    splits = split_cohort(cohort, config.cohort, config.objective.centers)
    trainer = config.trainer
    rungs = study_rungs(trainer, config.tuning)
    lines = [f"Study {config.study.name}: {config.study.trials} trials, {trainer.epochs} epochs each at most"]
    if config.tuning.scheduler != "none" and config.study.trials > 1:
        lines.append(
            f"  {config.tuning.scheduler} compares trials at epochs {', '.join(map(str, rungs)) or 'none'}"
        )
    if config.study.replicates:
        lines.append(
            f"  {2 * config.study.replicates} trainings more: the winner and its rival, "
            f"{config.study.replicates} times each with other seeds"
        )
    lines += [*_cost(config), _kept(config, len(splits.validation))]
    lines += ["", "Subjects (only those with a reference mask are used):"]
    uses = {use: keys for use, keys in asdict(splits).items() if keys or use != "control"}
    centers = {subject.key: subject.center for subject in cohort.subjects}
    counts = {use: Counter(centers[key] for key in keys) for use, keys in uses.items()}
    width = max(map(len, cohort.centers), default=6)
    lines.append(f"  {'center':<{width}}" + "".join(f"{use:>12}" for use in (*uses, "not used")))
    everyone = Counter(subject.center for subject in cohort.subjects)
    for center in cohort.centers:
        used = [counts[use][center] for use in uses]
        row = (*used, everyone[center] - sum(used))
        lines.append(f"  {center:<{width}}" + "".join(f"{number:>12}" for number in row))
    lines += [f"  {remark}" for remark in remarks(cohort, splits, config.cohort)]
    if cohort.skipped:
        lines.append(f"  skipped because of problems: {cohort.skipped}")
    return "\n".join(lines)


def _cost(config: Config) -> list[str]:
    trainer, model = config.trainer, config.model
    spec = find_model(model.name)
    cost = spec.cost
    wider = 1.0 if cost.base_channels is None else (model.base_channels / cost.base_channels) ** 2
    patches = (
        _trainings(config)
        * trainer.epochs
        * trainer.iterations_per_epoch
        * trainer.batch_size
        * trainer.workers
    )
    voxels = _patch_voxels(spec, config)
    flops = patches * voxels * cost.flops_per_voxel * wider
    disk_gb = _trainings(config) * cost.parameters * wider * 4 * STORED_COPIES / 1e9
    return [
        f"  {patches:,} training patches of at most {voxels:,.0f} voxels through {model.name}",
        f"  at most {flops / GPU_FLOPS_PER_S / 3600:.2g} GPU-hours at {GPU_FLOPS_PER_S / 1e12:.0f} TFLOP/s, "
        f"or {flops / CPU_FLOPS_PER_S / 3600:.2g} core-hours at {CPU_FLOPS_PER_S / 1e9:.0f} GFLOP/s a core "
        "(assumed rates; early stopping and small subjects need less)",
        f"  at most {disk_gb:.2g} GB for weights and two checkpoints a trial (model and momentum), "
        "besides the cache of the scans",
    ]


def _trainings(config: Config) -> int:
    """Trials, and replicates of two of them."""
    return config.study.trials + 2 * config.study.replicates


def _kept(config: Config, subjects: int) -> str:
    subsets = availability_subsets(
        config.cohort.modalities, config.modality_dropout.droppable, config.evaluation.subsets
    )
    maps = _trainings(config) * subjects * len(subsets)
    return (
        f"  at most {maps:,} kept probability maps, one for each trial, validation subject and availability subset: "
        f"{maps * KEPT_MB / 1000:,.1f} GB if they have 512×512×100 voxels ({KEPT_MB:.0f} MB each), less if smaller"
    )


def _patch_voxels(spec: ModelSpec, config: Config) -> float:
    """Upper bound on the voxels of a patch; its actual size is planned from the scans."""
    model = config.model
    if model.patch_size is not None:
        return float(math.prod(model.patch_size))
    return spec.largest_patch(model.model_dump(), config.trainer.batch_size)
