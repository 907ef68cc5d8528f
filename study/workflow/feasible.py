"""What cannot succeed on this machine, found before any scan is read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from math import ceil, inf
from pathlib import Path

from models import Plan
from study.config import Config, Trainer
from study.errors import ConfigError
from study.machine.files import nearest_folder
from study.machine.memory import total_memory
from study.machine.processes import available_cpus
from study.machine.runtime import Runtime
from study.workflow.cost import stored_bytes

__all__ = ["check_feasible", "check_memory", "crowd_doubts", "obstacles"]

ISOTROPIC_MM = (1.0, 1.0, 1.0)  # for the memory of a given patch, on which the spacing has little effect
MEMORY = "model.patch_size: a training needs"


def check_feasible(config: Config, *, searches: bool = True) -> None:
    """Raise ConfigError with everything that keeps a study from running here; see `obstacles`."""
    if found := obstacles(config, searches=searches):
        raise ConfigError(found)


def obstacles(config: Config, *, searches: bool = True, looks_for_gpus: bool = True) -> list[str]:
    """Why a study cannot run on this machine, as far as it is known without its scans.

    Args:
        config: of the study.
        searches: whether its trials reserve their resources, as those of a search do.
        looks_for_gpus: whether torch may be asked for GPUs that no setting names, which takes a second.
    """
    here = config.cluster == "local" or not searches
    lines = [*_places(config), *(_gpus(config.trainer, searches=searches) if here else ())]
    patch = config.model.patch_size
    known = _uses_gpu(config.trainer) or config.trainer.device == "cpu"
    if lines or not here or patch is None or not (looks_for_gpus or known):
        return lines
    from study.workflow.networks import plan_network

    try:
        plan = plan_network(config, patch, config.imaging.spacing_mm or ISOTROPIC_MM)
        check_memory(config, plan)
    except ConfigError as error:
        lines += [line for line in error.problems if line.startswith(MEMORY)]  # scans decide on all else
    return lines


def check_memory(config: Config, plan: Plan) -> None:
    """Raise ConfigError if the training of a planned network needs more memory than this machine has.

    Networks without an estimate pass, and so does all that another machine will train.
    """
    trainer = config.trainer
    parts = trainer.batch_size if trainer.on_out_of_memory == "halve" else trainer.micro_batches
    needed_gb = plan.memory_gb(ceil(trainer.batch_size / min(parts, trainer.batch_size)))
    if needed_gb is None or config.cluster != "local":
        return
    needed, (there, what) = needed_gb * 1e9, _memory(trainer)
    if needed > there:
        patch = " × ".join(map(str, plan.patch_size))
        raise ConfigError(
            [
                f"{MEMORY} about {_gb(needed)} for a patch of {patch} and trainer.batch_size="
                f"{trainer.batch_size}, and {what} has {_gb(there)}; lower one of the two, "
                "model.memory_gb or model.base_channels, or set trainer.on_out_of_memory=halve"
            ]
        )


def crowd_doubts(config: Config, plan: Plan) -> list[str]:
    """Trials at a time that need more memory together than this machine has, on its CPU."""
    trainer, study = config.trainer, config.study
    needed_gb = plan.memory_gb(trainer.batch_size)
    if needed_gb is None or config.cluster != "local" or (trainer.device != "cpu" and _gpus_there()):
        return []
    wanted = study.concurrency or available_cpus() // (trainer.cpus_per_worker * trainer.workers)
    at_a_time = max(min(wanted, study.trials), 1)
    needed, there = needed_gb * 1e9, total_memory()
    if at_a_time * needed <= there:
        return []
    return [
        f"{at_a_time} trials at a time need about {_gb(at_a_time * needed)}, and this machine has {_gb(there)}: "
        f"set study.concurrency={max(int(there / needed), 1)}"
    ]


def _memory(trainer: Trainer) -> tuple[float, str]:
    """The bytes that one trial can have, and of what."""
    if trainer.device != "cpu" and (gpus := _gpus_there()):
        import torch

        share = min(trainer.gpus_per_worker or 1.0, 1.0)
        total = min(torch.cuda.get_device_properties(number).total_memory for number in range(gpus))
        return share * total, "a GPU" if share == 1 else f"a share of {share:g} of a GPU"
    return total_memory(), "this machine"


def _places(config: Config) -> Iterator[str]:
    """Folders that cannot be written, and a disk without space for what the study leaves."""
    folders = {"study.root": config.study.root, "imaging.cache": config.cache_root}
    if "phantom" in config.cohort.sources:
        folders["cohort.phantom.root"] = config.phantom_root
    refused = set()
    for setting, folder in folders.items():
        place = nearest_folder(folder)
        if place not in refused and (reason := _unwritable(place)):
            refused.add(place)
            yield f"{setting}: {folder} cannot be written ({place}: {reason}); choose another folder"
    root = nearest_folder(config.study.root)
    if root in refused or config.resume:
        return
    free, needed = shutil.disk_usage(root).free, stored_bytes(config)
    if needed > free:
        yield (
            f"study.root: weights and checkpoints of {config.study.trials} trials take up to {_gb(needed)}, "
            f"and {_gb(free)} are free in {root}; free space, lower study.trials, or choose another folder"
        )


def _unwritable(place: Path) -> str | None:
    """Why no file can be made in a folder; tried with one that has no name."""
    try:
        with tempfile.TemporaryFile(dir=place):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _uses_gpu(trainer: Trainer) -> bool:
    """Whether the settings ask for a GPU."""
    return trainer.device == "cuda" or (trainer.device == "auto" and trainer.gpus_per_worker > 0)


def _gpus(trainer: Trainer, *, searches: bool) -> list[str]:
    """Settings that ask for GPUs that are not there."""
    try:
        if trainer.device == "cuda":
            Runtime.choose(trainer.device, trainer.precision)
        if searches and trainer.gpus_per_worker > 0:
            _check_gpus(trainer)
    except ConfigError as error:
        return list(error.problems)
    return []


def _check_gpus(trainer: Trainer) -> None:
    there = _gpus_there()
    if there == 0:
        raise ConfigError(
            [
                f"trainer.gpus_per_worker: trials reserve {trainer.gpus_per_worker:g}, and torch finds no GPU on this "
                "machine; check its driver and that torch is a CUDA build, or set trainer.gpus_per_worker=0 to train "
                "on the CPU"
            ]
        )
    from study.tuning.room import Need, Node, check_room

    check_room(Need.of(trainer), [Node(inf, there)], shared=False)


def _gpus_there() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _gb(count: float) -> str:
    return f"{count / 1e9:,.1f} GB"
