"""One attempt at a trial, in the process that trains it: a Tune process, or one rank of a Ray Train group."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.config import Config, validate
from study.machine.temporary import temporary_folder
from study.records import StudyFolder, TrialFolder
from study.tuning.courier import Courier, delivering
from study.tuning.desk import AttemptReplacedError, asking
from study.tuning.messages import Where
from study.tuning.nodes import Unfit, Wait
from study.tuning.outcome import UnfitMachineError, failure_of
from study.tuning.remarks import remarking

RunTrial = Callable[..., Any]  # as study.workflow.trial.run_trial

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """What all trials of a study share, as plain values that any process can read.

    Attributes:
        content: the configuration.
        cache: folder of the prepared subjects on the driver's machine.
        run_trial: trains one trial.
        desk: handle of the study's `Desk`.
    """

    content: Mapping[str, Any]
    cache: str
    run_trial: RunTrial
    desk: Any

    def courier(self, sample: Mapping[str, Any], root: Path) -> Courier:
        """The courier of an attempt, whose files lie in a folder of this machine."""
        import ray

        folder, node = (
            StudyFolder(root, self.content["study"]["name"]),
            ray.get_runtime_context().get_node_id(),
        )
        return Courier(asking(self.desk), sample["number"], sample["attempt"], folder, node)

    def config(self, trial: TrialFolder, cache: str, parts: int) -> Config:
        """The configuration of a trial on this machine.

        Args:
            trial: its folder on this machine.
            cache: folder of the prepared subjects on this machine.
            parts: in which each batch is trained, at least.
        """
        root = str(trial.study.path.parent)
        study, imaging = self.content["study"] | {"root": root}, self.content["imaging"] | {"cache": cache}
        config = validate({**self.content, "study": study, "imaging": imaging}).with_values(trial.searched())
        return config.with_values({"trainer.micro_batches": max(parts, config.trainer.micro_batches)})

    def cache_here(self, courier: Courier) -> str:
        """The folder of the prepared subjects on this machine, once they are there.

        Raises:
            UnfitMachineError: this machine gets no trials.
            Exception: what has kept the prepared subjects from being fetched.
        """
        import ray

        while isinstance(answer := courier.tell(Where(courier.node)), Wait):
            time.sleep(1)
        if isinstance(answer, Unfit):
            raise UnfitMachineError(answer.reason)
        return self.cache if answer is None else str(ray.get(answer.ready.remote()))


def train_alone(sample: Mapping[str, Any], *, task: Task) -> None:
    """A trial with one worker, in this process."""
    with temporary_folder("trial") as root:
        courier = task.courier(sample, root)
        with telling_failures(courier):
            train(task, courier, sample["parts"])


@contextmanager
def telling_failures(courier: Courier) -> Iterator[None]:
    """Tell the driver of an error of the block; an attempt that has been replaced ends without a word."""
    began = time.monotonic()
    try:
        yield
    except AttemptReplacedError:
        logger.warning("an attempt has been replaced by another one, and ends")
    except Exception as error:
        logger.exception("an attempt has failed")
        courier.tell(failure_of(error, time.monotonic() - began))


def train(task: Task, courier: Courier, parts: int, *, first: bool = True) -> None:
    """Train a trial from where it is.

    Args:
        task: what all trials share.
        courier: of this process.
        parts: in which each batch is trained, at least.
        first: bring home all that the trial makes, and report; only one process of a group does.
    """
    import torch

    trial = courier.fetch()
    config = task.config(trial, task.cache_here(courier), parts)
    torch.set_num_threads(config.trainer.cpus_per_worker)
    if not first:
        task.run_trial(config, trial, lambda epoch: False)
        return
    with delivering(courier, task.desk), remarking(courier):
        task.run_trial(config, trial, courier.report)
    courier.deliver()
