"""Decides which trials may start now, from the resources that are available."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from search_spaces import SearchSpace
from study.config import Trainer
from study.errors import ConfigError

PATHS = ("trainer.workers", "trainer.cpus_per_worker", "trainer.gpus_per_worker")


@dataclass(frozen=True)
class Need:
    """What one trial runs on.

    Attributes:
        workers: processes, which may be on several nodes.
        cpus: CPU cores of each.
        gpus: GPUs of each; a part of one below 1.
    """

    workers: int
    cpus: float
    gpus: float

    @classmethod
    def of(cls, trainer: Trainer) -> Need:
        """The need of a trial with these settings."""
        return cls(trainer.workers, trainer.cpus_per_worker, trainer.gpus_per_worker)

    def with_values(self, values: Mapping[str, Any]) -> Need:
        """The need of a trial for which these values were searched, by dotted path."""
        return Need(*(values.get(path, value) for path, value in zip(PATHS, astuple(self), strict=True)))


@dataclass(frozen=True)
class Node:
    """A machine of the cluster.

    Attributes:
        cpus: CPU cores.
        gpus: GPUs.
    """

    cpus: float
    gpus: float

    def holds(self, need: Need) -> int:
        """How many workers of a trial fit here."""
        by_cpu = self.cpus // need.cpus if math.isfinite(self.cpus) else math.inf
        if need.gpus == 0:
            return int(by_cpu)
        by_gpu = self.gpus // need.gpus if need.gpus >= 1 else self.gpus * (1 // need.gpus)
        return int(min(by_cpu, by_gpu))


def may_start(
    need: Need,
    running: Sequence[Need],
    at_the_door: Sequence[Need],
    nodes: Sequence[Node],
    *,
    crowded: bool = False,
) -> bool:
    """Whether a trial may ask Ray for its resources now.

    Trials start in the order in which they ask. A trial that still waits for its resources is never overtaken by one
    that needs less: small trials would take whatever becomes free, and a group would wait for ever.

    Args:
        need: of the trial.
        running: needs of the trials that have their resources.
        at_the_door: needs of the trials that have asked and wait.
        nodes: of the cluster.
        crowded: trials may share CPU cores, since the user wants so many on this machine.
    """
    if any(waiting != need for waiting in at_the_door):
        return False
    taken = [*running, *at_the_door, need]
    cpus = sum(one.workers * one.cpus for one in taken)
    enough = crowded or len(taken) == 1 or cpus <= sum(node.cpus for node in nodes)
    return enough and all(_fit_gpus(one, taken, nodes) for one in set(taken))


def _fit_gpus(need: Need, taken: Sequence[Need], nodes: Sequence[Node]) -> bool:
    """Whether the GPUs suffice for all trials; for those of one need, by how many workers each GPU holds."""
    if need.gpus == 0:
        return True
    alike = sum(one.workers for one in taken if one == need)
    total = sum(one.workers * one.gpus for one in taken)
    unlimited = [Node(math.inf, node.gpus) for node in nodes]
    return alike <= sum(node.holds(need) for node in unlimited) and total <= sum(n.gpus for n in nodes) + 1e-9


def searches_needs(space: SearchSpace) -> bool:
    """Whether trials of a study differ in what they run on."""
    return any(parameter.path in PATHS for parameter in space.parameters)


def avoiding(machines: Sequence[str]) -> dict[str, str]:
    """Ray's label selector for all machines but these, which are named by Ray's identities."""
    return {"ray.io/node-id": f"!in({','.join(machines)})"} if machines else {}


def check_room(need: Need, nodes: Sequence[Node], *, shared: bool) -> None:
    """Raise ConfigError if a trial can never start on these nodes.

    Args:
        need: of the trial.
        nodes: the machines of the study.
        shared: they are a cluster's; on a machine of its own, a study may ask for more cores than there are.
    """
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    if not _fit_gpus(need, [need], nodes):
        raise ConfigError(
            [
                f"trainer.gpus_per_worker: a trial needs {need.workers} × {need.gpus:g}, "
                f"Ray has {gpus:g} GPUs{_on(nodes)}; lower it or trainer.workers, or use more machines"
            ]
        )
    if shared and sum(node.holds(need) for node in nodes) < need.workers:
        raise ConfigError(
            [
                f"trainer.cpus_per_worker: a trial needs {need.workers} × {need.cpus:g} CPUs, "
                f"the cluster has {cpus:g}{_on(nodes)}; lower it, or trainer.workers"
            ]
        )


def _on(nodes: Sequence[Node]) -> str:
    return f" on {len(nodes)} machines" if len(nodes) > 1 else ""
