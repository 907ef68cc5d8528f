"""This process among those that train one network together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as distributed

Item = TypeVar("Item")


@dataclass(frozen=True)
class Ranks:
    """Rank and number of processes; 0 of 1 where no process group is up."""

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """The place of this process according to torch.distributed."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def first(self) -> bool:
        """True in the one process that writes and reports."""
        return self.rank == 0

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a tensor over all processes."""
        if self.world == 1:
            return value
        total = value.clone()
        distributed.all_reduce(total)
        return total / self.world

    def gather(self, items: list[Item]) -> list[Item]:
        """The items of all processes, in order of rank, in every process."""
        if self.world == 1:
            return items
        gathered: list[list[Item]] = [[] for _ in range(self.world)]
        distributed.all_gather_object(gathered, items)
        return [item for part in gathered for item in part]

    def agree(self, decision: bool) -> bool:
        """The first process's decision, in every process."""
        if self.world == 1:
            return decision
        shared = [decision]
        distributed.broadcast_object_list(shared, src=0)
        return shared[0]
