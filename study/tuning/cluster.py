"""The Ray that a study runs on: one of its own on this machine, or the cluster that RAY_ADDRESS names."""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.config import Config, Trainer
from study.errors import ConfigError

# Quiet, no telemetry, no snapshots (the database is the truth), and the cheapest start that Ray Train has.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TUNE_CALLBACKS": "study.tuning.search.Silence",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}
OBJECT_STORE_BYTES = 100 * 2**20  # trials exchange numbers; their data lie in the cache on disk


@contextmanager
def ray_for(config: Config, scratch: Path) -> Iterator[int]:
    """Connect to Ray or start it, and yield how many trials may run at a time; what was started is shut down.

    Args:
        config: for the resources of a trial.
        scratch: a folder that outlives a killed driver; notes where Ray's temporary files lie.

    Raises:
        ConfigError: Ray has not the resources for one trial.
    """
    with _environment():
        import ray

        if ray.is_initialized():
            yield concurrency(config, _resources())
            return
        temporary = None
        try:
            if address := os.environ.get("RAY_ADDRESS"):
                variables = {"env_vars": ENVIRONMENT}
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=variables)
            else:
                temporary = _temporary_folder(scratch)
                _start(config, temporary)
            yield concurrency(config, _resources())
        finally:
            ray.shutdown()
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)


def concurrency(config: Config, available: dict[str, float]) -> int:
    """How many trials run at a time: what was asked for, or all that fit; never more than the GPUs hold.

    On this machine alone, CPUs are a matter of counting: more trials than cores may be asked for.
    """
    trainer = config.trainer
    by_cpu = int(available["cores"] // (trainer.workers * trainer.cpus_per_worker))
    by_gpu = _gpu_slots(trainer, available["gpus"])
    if by_gpu == 0:
        raise ConfigError(
            [
                f"trainer.gpus_per_worker: a trial needs {trainer.workers} × {trainer.gpus_per_worker:g}, "
                f"Ray has {available['gpus']:g} GPUs; lower it or trainer.workers, or use more machines"
            ]
        )
    if by_cpu == 0 and available["shared"]:
        raise ConfigError(
            [
                f"trainer.cpus_per_worker: a trial needs {trainer.workers} × {trainer.cpus_per_worker} CPUs, "
                f"the cluster has {available['cores']:g}; lower it, or trainer.workers"
            ]
        )
    wanted = config.study.concurrency or max(1, by_cpu)
    return int(min(wanted, by_gpu, by_cpu if available["shared"] else math.inf))


def _gpu_slots(trainer: Trainer, gpus: float) -> float:
    if trainer.gpus_per_worker == 0:
        return math.inf
    if trainer.gpus_per_worker >= 1:
        return gpus // (trainer.workers * trainer.gpus_per_worker)
    return gpus * (1 // trainer.gpus_per_worker) // trainer.workers


def _resources() -> dict[str, float]:
    """CPUs and GPUs that Ray has; on this machine alone the cores are counted, for Ray was told more."""
    import ray

    found = ray.cluster_resources()
    shared = "RAY_ADDRESS" in os.environ
    return {
        "cores": found.get("CPU", 0.0) if shared else float(_cores()),
        "gpus": found.get("GPU", 0.0),
        "shared": float(shared),
    }


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(config: Config, temporary: Path) -> None:
    import ray

    trainer = config.trainer
    asked = (config.study.concurrency or 1) * trainer.workers * trainer.cpus_per_worker
    ray.init(
        address="local",
        num_cpus=max(_cores(), asked) + 1,  # one more for functions that only wait for their workers
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(temporary),
    )


def _temporary_folder(scratch: Path) -> Path:
    """A short path, for that of a socket has at most 107 characters; a killed driver's is removed first."""
    note = scratch / "ray"
    if note.is_file():
        shutil.rmtree(note.read_text(), ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix="fadeout-", dir="/tmp"))
    note.write_text(str(temporary))
    return temporary


@contextmanager
def _environment() -> Iterator[None]:
    """Ray's settings, where the user has not made them; removed afterwards."""
    added = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
