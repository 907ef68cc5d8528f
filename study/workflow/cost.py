"""What a study costs at most: training, and space on the disk."""

from __future__ import annotations

import math
import shutil

from models import ModelSpec, find_model
from search_spaces import availability_subsets
from study.config import Config
from study.machine.files import nearest_folder

__all__ = ["cost_lines", "kept_lines", "stored_bytes"]

# The printed text states these rates: a forecast is not a measurement.
CPU_FLOPS_PER_S = 4e10
GPU_FLOPS_PER_S = 2e13
STORED_COPIES = 5  # of a trial's parameters: the weights, and model and momentum in the last two checkpoints
# For a map of 512×512×100 voxels, 5 million of them brain. Measured: 1.8 to 4.2; uncertain networks need more.
KEPT_MB = 3.0
IMAGE_SHARE = (
    1.7  # of that, for each image whose values are kept; measured on phantoms with an untrained network
)


def stored_bytes(config: Config) -> float:
    """The most that weights and checkpoints of all trials take on the disk."""
    parameters = find_model(config.model.name).cost.parameters * _wider(config)
    return _trainings(config) * parameters * 4 * STORED_COPIES


def cost_lines(config: Config) -> list[str]:
    """The training of all trials, and the space that it takes."""
    trainer, model = config.trainer, config.model
    spec = find_model(model.name)
    patches = (
        _trainings(config)
        * trainer.epochs
        * trainer.iterations_per_epoch
        * trainer.batch_size
        * trainer.workers
    )
    voxels = _patch_voxels(spec, config)
    flops = patches * voxels * spec.cost.flops_per_voxel * _wider(config)
    return [
        f"  {patches:,} training patches of at most {voxels:,.0f} voxels through {model.name}",
        f"  at most {flops / GPU_FLOPS_PER_S / 3600:.2g} GPU-hours at {GPU_FLOPS_PER_S / 1e12:.0f} TFLOP/s, "
        f"or {flops / CPU_FLOPS_PER_S / 3600:.2g} core-hours at {CPU_FLOPS_PER_S / 1e9:.0f} GFLOP/s a core "
        "(assumed rates; early stopping and small subjects need less)",
        f"  at most {stored_bytes(config) / 1e9:.2g} GB for weights and two checkpoints a trial (model and momentum), "
        "besides the cache of the scans",
        *_mirroring(config),
        *_ensemble(config),
    ]


def _mirroring(config: Config) -> list[str]:
    """What mirroring at test time costs; empty without."""
    if not (axes := config.evaluation.mirror):
        return []
    return [
        f"  mirroring at test time ({', '.join(axes)}): {2 ** len(axes)} passes for each prediction of validation and "
        "test subjects, after each training; epochs are validated without"
    ]


def _ensemble(config: Config) -> list[str]:
    """What an ensemble costs; empty if none is wanted."""
    if not config.ensemble.members:
        return []
    return [
        f"  an ensemble of at most {config.ensemble.members} trials, at the end: each predicts the test subjects once "
        "more in the process that runs the study, and the kept probabilities are read"
    ]


def kept_lines(config: Config, subjects: int) -> list[str]:
    """The probabilities that trials keep, and whether the disk has space for them.

    Args:
        config: of the study.
        subjects: that validate.
    """
    subsets = availability_subsets(
        config.cohort.modalities, config.modality_dropout.droppable, config.evaluation.subsets
    )
    maps = _trainings(config) * subjects * len(subsets)
    from study.workflow.postprocessing import images_to_keep

    images = images_to_keep(config)
    each_mb = KEPT_MB * (1 + IMAGE_SHARE * len(images))
    beside = f" with the values of {' and '.join(images)}" if images else ""
    kept_gb = maps * each_mb / 1000
    free_gb = shutil.disk_usage(nearest_folder(config.study.root)).free / 1e9
    line = (
        f"  at most {maps:,} kept probability maps{beside}, one for each trial, validation subject and "
        "availability subset: "
        f"{kept_gb:,.1f} GB if they have 512×512×100 voxels ({each_mb:.0f} MB each), less if smaller"
    )
    return [line, *([f"  only {free_gb:,.1f} GB are free in study.root"] if kept_gb > free_gb else [])]


def _trainings(config: Config) -> int:
    """Trials, and replicates of two of them."""
    return config.study.trials + 2 * config.study.replicates


def _wider(config: Config) -> float:
    """The network's cost relative to that of its published size."""
    published = find_model(config.model.name).cost.base_channels
    return 1.0 if published is None else (config.model.base_channels / published) ** 2


def _patch_voxels(spec: ModelSpec, config: Config) -> float:
    """Upper bound on the voxels of a patch; its actual size is planned from the scans."""
    model = config.model
    if model.patch_size is not None:
        return float(math.prod(model.patch_size))
    return spec.largest_patch(model.model_dump(), config.trainer.batch_size)
