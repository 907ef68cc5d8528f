"""What a study would do, told in under two seconds: no scan is read, no network built."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from typing import NamedTuple

from search_spaces.space import availability_subsets
from study.cohort import plan_cohort, split_cohort
from study.cohort.remarks import remarks
from study.config import Config
from study.training.rungs import rung_epochs

# Stated in the text that is printed: a forecast is no measurement.
CPU_FLOPS_PER_S = 4e10
GPU_FLOPS_PER_S = 2e13
# Of the planner's memory estimate for nnU-Net's plain network with 32 channels, per voxel and patch.
ACTIVATION_BYTES_PER_VOXEL = 1.5e3
MAX_PATCH_VOXELS = 128**3
# Of a map of 512×512×100 voxels, 5 million of them brain: 1.8 to 4.2 measured, the more the less sure the network is.
KEPT_MB = 3.0


class Cost(NamedTuple):
    """A network at its published size, as `python -m study.models` counts it.

    Attributes:
        flops_per_voxel: forward and backward, three times the forward pass.
        parameters: of the network.
        channels: of the first stage; the rest grows with their square. None: of a fixed size.
    """

    flops_per_voxel: float
    parameters: float
    channels: int | None


COSTS = {
    "nnunet": Cost(1.4e6, 31.2e6, 32),
    "resenc_unet": Cost(2.1e6, 102.4e6, 32),
    "multiunet": Cost(1.6e5, 8.9e6, 16),
    "unet2d": Cost(4.6e5, 0.95e6, 32),
    "urn": Cost(2.3e6, 4.9e6, 32),
    "tiramisu": Cost(1.1e6, 1.4e6, None),
    "lstm": Cost(4.0e5, 0.05e6, None),
    "attlstm": Cost(5.0e4, 0.3e6, None),
    "upattlstm": Cost(5.6e5, 0.3e6, None),
}


def forecast(config: Config) -> str:
    """The plan of a study: trials, rungs, hours and disk at most, subjects per split and center.

    Raises ConfigError if scans are to be registered and ANTs is not installed.
    """
    if config.imaging.registration == "rigid":
        from study.imaging.register import require_registration

        require_registration()
    cohort = plan_cohort(config)
    splits = split_cohort(cohort, config)
    trainer = config.trainer
    rungs = rung_epochs(
        trainer.epochs, config.tuning.first_rung, config.tuning.reduction_factor, trainer.validate_every
    )
    lines = [f"Study {config.study.name}: {config.study.trials} trials, {trainer.epochs} epochs each at most"]
    if config.tuning.scheduler == "asha" and config.study.trials > 1:
        lines.append(f"  ASHA compares at epochs {', '.join(map(str, rungs)) or 'none'}")
    lines += [*_cost(config), _kept(config, len(splits.validation))]
    lines += ["", "Subjects (a reference mask is needed to take part):"]
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
    cost = COSTS[model.name]
    wider = 1.0 if cost.channels is None else (model.base_channels / cost.channels) ** 2
    patches = (
        config.study.trials
        * trainer.epochs
        * trainer.iterations_per_epoch
        * trainer.batch_size
        * trainer.workers
    )
    voxels = _patch_voxels(config)
    flops = patches * voxels * cost.flops_per_voxel * wider
    disk_gb = config.study.trials * cost.parameters * wider * 4 * 3 / 1e9
    return [
        f"  {patches:,} training patches of at most {voxels:,.0f} voxels through {model.name}",
        f"  at most {flops / GPU_FLOPS_PER_S / 3600:.2g} GPU-hours at {GPU_FLOPS_PER_S / 1e12:.0f} TFLOP/s, "
        f"or {flops / CPU_FLOPS_PER_S / 3600:.2g} core-hours at {CPU_FLOPS_PER_S / 1e9:.0f} GFLOP/s a core "
        "(assumed rates; early stopping and small subjects need less)",
        f"  at most {disk_gb:.2g} GB for checkpoints (model and momentum), besides the cache of the scans",
    ]


def _kept(config: Config, subjects: int) -> str:
    maps = config.study.trials * subjects * len(availability_subsets(config))
    return (
        f"  at most {maps:,} kept probability maps, one for each trial, validation subject and availability subset: "
        f"{maps * KEPT_MB / 1000:,.1f} GB if they have 512×512×100 voxels ({KEPT_MB:.0f} MB each), less if smaller"
    )


def _patch_voxels(config: Config) -> float:
    """The most that a patch can hold; how much it does is planned from the scans."""
    model = config.model
    if model.patch_size is not None:
        return float(math.prod(model.patch_size))
    if model.name in ("unet2d", "urn"):
        return 256.0**2
    if model.name in ("lstm", "attlstm", "upattlstm"):
        return model.slices * 256.0**2
    per_voxel = ACTIVATION_BYTES_PER_VOXEL * model.base_channels / 32 * config.trainer.batch_size
    return min(model.memory_gb * 1e9 / per_voxel, float(MAX_PATCH_VOXELS))
