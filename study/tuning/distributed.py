"""One trial on several workers: a Tune function that starts a group of processes through Ray Train."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from study.config import Trainer, validate
from study.errors import FadeoutError
from study.results import TrialFolder
from study.tuning.outcome import write_failure
from study.tuning.trainable import Task, only_process, train

logger = logging.getLogger(__name__)
POLL_S = 0.2


class Desk:
    """An actor: rank 0 asks at each validation whether to stop, the Tune function answers."""

    def __init__(self) -> None:
        self._questions: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        self._answers: asyncio.Queue[bool] = asyncio.Queue()

    async def ask(self, epoch: int, objective: float) -> bool:
        """Put a question and wait for its answer."""
        await self._questions.put((epoch, objective))
        return await self._answers.get()

    async def next_question(self) -> tuple[int, float]:
        """Wait for a question."""
        return await self._questions.get()

    async def answer(self, stop: bool) -> None:
        """Answer the question that was taken."""
        await self._answers.put(stop)


def train_distributed(sample: Mapping[str, Any], *, task: Task) -> None:
    """The Tune function of trials with several workers; it trains nothing itself."""
    folder = task.trial(sample["number"])
    start = time.monotonic()
    _release_resources(folder)
    try:
        if folder.read_result() is None:
            _run_group(task, folder)
    except Exception as error:
        logger.exception("trial %d failed", folder.number)
        if folder.read_result() is None:
            write_failure(folder, _first_cause(error), time.monotonic() - start)
    finally:
        _held(folder).unlink(missing_ok=True)


def _held(folder: TrialFolder) -> Path:
    """Names the placement group whose resources the trial's workers hold."""
    return folder.path / ".placement_group"


def _release_resources(folder: TrialFolder) -> None:
    """If the process of this function was killed before, its workers are gone, but Ray keeps their resources."""
    from ray._raylet import PlacementGroupID
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    if _held(folder).is_file():
        remove_placement_group(PlacementGroup(PlacementGroupID.from_hex(_held(folder).read_text())))


def _run_group(task: Task, folder: TrialFolder) -> None:
    import ray
    from ray import train as ray_train
    from ray import tune
    from ray.train.torch import TorchConfig, TorchTrainer

    config = validate(task.content)
    desk = ray.remote(num_cpus=0)(Desk).remote()
    trainer = TorchTrainer(
        _train_rank,
        train_loop_config={"task": task, "number": folder.number, "desk": desk},
        torch_config=TorchConfig(backend="nccl" if config.trainer.gpus_per_worker > 0 else "gloo"),
        scaling_config=_scaling(config.trainer),
        run_config=ray_train.RunConfig(
            name=f"{folder.number:04d}",
            storage_path=str(folder.path.parent.parent / ".tune" / "train"),
            failure_config=ray_train.FailureConfig(max_failures=config.tuning.max_failures),
        ),
    )
    with ThreadPoolExecutor(max_workers=1) as pool:
        group = pool.submit(trainer.fit)
        question = desk.next_question.remote()
        while not group.done():
            ready, _ = ray.wait([question], timeout=POLL_S)
            if ready:
                epoch, objective = ray.get(question)
                tune.report({"epoch": epoch, "objective": objective})
                desk.answer.remote(folder.stop.exists())
                question = desk.next_question.remote()
        group.result()


def _scaling(trainer: Trainer) -> Any:
    from ray.train import ScalingConfig

    resources = {"CPU": float(trainer.cpus_per_worker)}
    if trainer.gpus_per_worker > 0:
        resources["GPU"] = trainer.gpus_per_worker
    return ScalingConfig(
        num_workers=trainer.workers, use_gpu=trainer.gpus_per_worker > 0, resources_per_worker=resources
    )


def _train_rank(settings: Mapping[str, Any]) -> None:
    """What each worker runs; an error ends the whole group, which Ray Train then starts again.

    A mistake that would come again (a loss that is not finite) is written down first, so that the group that
    is started again finds the trial ended.
    """
    import ray
    import torch

    task: Task = settings["task"]
    folder = task.trial(settings["number"])
    rank = torch.distributed.get_rank()
    if rank == 0:
        _held(folder).write_text(ray.util.get_current_placement_group().id.hex())

    def report(epoch: int, metrics: Mapping[str, float]) -> bool:
        return bool(ray.get(settings["desk"].ask.remote(epoch, float(metrics["objective"]))))

    with only_process(folder) if rank == 0 else nullcontext():
        start = time.monotonic()
        try:
            train(task, folder, report)
        except FadeoutError as error:
            if folder.read_result() is None:
                write_failure(folder, error, time.monotonic() - start)
            raise


def _first_cause(error: Exception) -> Exception:
    """The error of the lowest rank that failed."""
    failures = getattr(error, "worker_failures", None)
    return failures[min(failures)] if failures else error
