"""What a study would do, told in under two seconds: no scan is read, no network built."""

from __future__ import annotations

from collections import Counter

from study.cohort import plan_cohort, split_cohort
from study.config import Config
from study.training.rungs import rung_epochs

# Stated in the text that is printed: a forecast is no measurement.
CPU_FLOPS_PER_S = 4e10
GPU_FLOPS_PER_S = 2e13
# Of nnU-Net's plain network with 32 channels, 3 inputs and patches of 128³: forward and backward (three times the
# forward pass that torch's FLOP counter finds), and the planner's memory estimate, per voxel and patch.
FLOPS_PER_VOXEL = 1.4e6  # scales with the square of the channels
ACTIVATION_BYTES_PER_VOXEL = 1.5e3
MAX_PATCH_VOXELS = 128**3


def forecast(config: Config) -> str:
    """The plan of a study: trials, rungs, hours and disk at most, subjects per split and center."""
    cohort = plan_cohort(config)
    splits = split_cohort(cohort, config)
    trainer = config.trainer
    rungs = rung_epochs(
        trainer.epochs, config.tuning.first_rung, config.tuning.reduction_factor, trainer.validate_every
    )
    lines = [f"Study {config.study.name}: {config.study.trials} trials, {trainer.epochs} epochs each at most"]
    if config.tuning.scheduler == "asha" and config.study.trials > 1:
        lines.append(f"  ASHA compares at epochs {', '.join(map(str, rungs)) or 'none'}")
    lines += _cost(config)
    lines += ["", "Subjects (a reference mask is needed to take part):"]
    uses = {
        "train": splits.train,
        "validation": splits.validation,
        "test": splits.test,
        "unseen": splits.unseen,
    }
    centers = {subject.key: subject.center for subject in cohort.subjects}
    counts = {use: Counter(centers[key] for key in keys) for use, keys in uses.items()}
    width = max(map(len, cohort.centers), default=6)
    lines.append(f"  {'center':<{width}}" + "".join(f"{use:>12}" for use in (*uses, "no mask")))
    everyone = Counter(subject.center for subject in cohort.subjects)
    for center in cohort.centers:
        used = [counts[use][center] for use in uses]
        row = (*used, everyone[center] - sum(used))
        lines.append(f"  {center:<{width}}" + "".join(f"{number:>12}" for number in row))
    if cohort.skipped:
        lines.append(f"  skipped because of problems: {cohort.skipped}")
    return "\n".join(lines)


def _cost(config: Config) -> list[str]:
    trainer, model = config.trainer, config.model
    channels = model.base_channels / 32
    voxels = min(
        model.memory_gb * 1e9 / (ACTIVATION_BYTES_PER_VOXEL * channels * trainer.batch_size),
        float(MAX_PATCH_VOXELS),
    )
    if model.patch_size is not None:
        voxels = float(model.patch_size[0] * model.patch_size[1] * model.patch_size[2])
    patches = (
        config.study.trials
        * trainer.epochs
        * trainer.iterations_per_epoch
        * trainer.batch_size
        * trainer.workers
    )
    flops = patches * voxels * FLOPS_PER_VOXEL * channels**2
    weights_gb = 31.2e6 * 4 * channels**2 / 1e9
    disk_gb = config.study.trials * weights_gb * 3
    return [
        f"  {patches:,} training patches of at most {voxels:,.0f} voxels",
        f"  at most {flops / GPU_FLOPS_PER_S / 3600:.2g} GPU-hours at {GPU_FLOPS_PER_S / 1e12:.0f} TFLOP/s, "
        f"or {flops / CPU_FLOPS_PER_S / 3600:.2g} core-hours at {CPU_FLOPS_PER_S / 1e9:.0f} GFLOP/s a core "
        "(assumed rates; early stopping and small subjects need less)",
        f"  at most {disk_gb:.2g} GB for checkpoints (model and momentum), besides the cache of the scans",
    ]
