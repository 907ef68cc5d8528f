"""One trial on several workers: a Tune function that starts a group of processes through Ray Train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.machine.temporary import temporary_folder
from study.tuning.messages import Holds
from study.tuning.room import Need, avoiding
from study.tuning.trainable import Task, telling_failures, train, train_alone


def attempt(sample: Mapping[str, Any], *, task: Task) -> None:
    """The Tune function: one attempt at a trial.

    Args:
        sample: number of the trial, token of the attempt, what it runs on, and the machines to avoid.
        task: what all trials share.
    """
    (train_alone if sample["need"]["workers"] == 1 else train_distributed)(sample, task=task)


def train_distributed(sample: Mapping[str, Any], *, task: Task) -> None:
    """A trial with several workers; this function trains nothing itself."""
    with temporary_folder("group") as root, telling_failures(task.courier(sample, root)):
        _run_group(task, sample, str(root))


def _run_group(task: Task, sample: Mapping[str, Any], storage: str) -> None:
    """Run a group to its end; raises Ray's error if one of its workers fails.

    It fetches nothing of the trial: to the driver, a trial that fetches has its resources.
    """
    from ray import train as ray_train
    from ray.train.torch import TorchConfig, TorchTrainer

    need = Need(**sample["need"])
    trainer = TorchTrainer(
        _train_rank,
        train_loop_config={"task": task, "sample": dict(sample)},
        torch_config=TorchConfig(backend="nccl" if need.gpus > 0 else "gloo"),
        scaling_config=_scaling(need, sample["avoided"]),
        run_config=ray_train.RunConfig(
            name=f"{sample['number']:04d}",
            storage_path=storage,
            failure_config=ray_train.FailureConfig(max_failures=0, controller_failure_limit=0),
        ),
    )
    trainer.fit()


def _scaling(need: Need, avoided: Sequence[str]) -> Any:
    from ray.train import ScalingConfig

    resources = {"CPU": float(need.cpus)} | ({"GPU": need.gpus} if need.gpus > 0 else {})
    return ScalingConfig(
        num_workers=need.workers,
        use_gpu=need.gpus > 0,
        resources_per_worker=resources,
        label_selector=avoiding(avoided),
    )


def _train_rank(settings: Mapping[str, Any]) -> None:
    """What each worker runs; an error ends the whole group. The first worker alone delivers and reports."""
    import ray
    import torch

    task: Task = settings["task"]
    with temporary_folder("rank") as root:
        courier = task.courier(settings["sample"], root)
        first = torch.distributed.get_rank() == 0
        if first:
            courier.tell(Holds(ray.util.get_current_placement_group().id.hex()))
        train(task, courier, settings["sample"]["parts"], first=first)
