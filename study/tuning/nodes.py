"""The machines of a cluster: each is asked before trials run there, and gets the prepared subjects."""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.imaging.fetching import size_of
from study.machine.background import background
from study.machine.version import code_version
from study.tuning.fitness import Condition, Demands, complaints
from study.tuning.keeper import Keeper
from study.tuning.room import Node

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
ANSWER_WITHIN_S = 120.0


@dataclass(frozen=True)
class Unfit:
    """The answer to a trial on a machine that is left out."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """The answer to a trial on a machine that is still being asked."""


class Nodes:
    """Asks every machine that joins, and sees that the fitting ones have what trials read.

    On a machine of its own, the driver has the cache, and nothing is asked.

    Args:
        alive: the machines that are alive, by Ray's identity.
        own: identity of the driver's machine.
        cache: folder of the prepared subjects there.
        addresses: of the entries that trials read.
        gpus: whether trials need GPUs.
        tell: callback for lines to the user.
        changed: callback for the names of the machines that take part, whenever they change.
        alone: no other machine can join.
    """

    def __init__(
        self,
        alive: Callable[[], dict[str, Node]],
        own: str,
        cache: Path,
        addresses: Sequence[str],
        tell: Callable[[str], None],
        changed: Callable[[tuple[str, ...]], None],
        *,
        gpus: bool,
        alone: bool,
    ) -> None:
        self._ask_alive, self._own, self._cache = alive, own, cache
        self._alive: dict[str, Node] = {}
        self._looks = 0
        self._hosts: dict[str, str] = {}  # names of the machines that take part
        self._addresses, self._gpus, self._tell, self._alone = tuple(addresses), gpus, tell, alone
        self._hosts_changed = changed
        self._told_hosts: tuple[str, ...] = ()
        self._keepers: dict[str, Any] = {}
        self._fetching: dict[str, Any] = {}  # by node: the call that fetches what it lacks
        self._unfit: dict[str, str] = {}
        self._changed = threading.Condition()  # held wherever the above are read or changed

    @property
    def avoided(self) -> tuple[str, ...]:
        """The machines that get no trials."""
        with self._changed:
            return tuple(sorted(self._unfit))

    def died(self, machines: Collection[str]) -> bool:
        """Whether one of these machines is gone; waits for the next look, since a process is missed sooner."""
        if set(machines) <= {self._own}:
            return False
        with self._changed:
            seen = self._looks
            self._changed.wait_for(lambda: self._looks > seen, timeout=2 * LOOK_EVERY_S)
            return not set(machines) <= self._alive.keys()

    def fit(self) -> list[Node]:
        """The machines that trials may use."""
        with self._changed:
            return [node for identity, node in self._alive.items() if identity not in self._unfit]

    def cache_for(self, identity: str) -> Any:
        """Where a trial on a machine finds the prepared subjects: None for the driver's own cache, else a keeper."""
        with self._changed:
            if identity == self._own:
                return None
            if identity in self._unfit:
                return Unfit(self._unfit[identity])
            return self._keepers[identity] if identity in self._fetching else Wait()

    def look(self) -> None:
        """Ask the machines that have joined, all at the same time, and let the fitting ones fetch.

        Raises:
            StudyError: none of all machines fits.
        """
        self._look()
        if not self._alone and (hosts := self._taking_part()) != self._told_hosts:
            self._told_hosts = hosts
            self._hosts_changed(hosts)

    def _look(self) -> None:
        alive = self._ask_alive()  # may take long where the head of the cluster does not answer
        with self._changed:
            self._alive, self._looks = alive, self._looks + 1
            self._changed.notify_all()
            gone = [self._hosts.pop(identity) for identity in set(self._hosts) - alive.keys()]
        for host in gone:
            self._tell(f"machine {host} is gone; its trials go on elsewhere")
        self._check_fetching()
        joined = [identity for identity in alive if identity not in self._known()]
        if not joined:
            return
        threads = [threading.Thread(target=self._welcome, args=(identity,)) for identity in joined]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.fit():
            raise StudyError(
                "\n".join(["no machine of the cluster can run trials:", *sorted(set(self._unfit.values()))])
            )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look every few seconds which machines have joined or gone; the first look is the caller's."""
        if self._alone:
            yield
            return

        def work(closed: threading.Event) -> None:
            while not closed.wait(LOOK_EVERY_S):
                try:
                    self.look()
                except (StudyError, OSError) as error:  # no machine fits any more; a full disk
                    logger.warning("%s", error)

        with background(work, "nodes", patience_s=LOOK_EVERY_S):  # it may wait for a head that is gone
            yield

    def _taking_part(self) -> tuple[str, ...]:
        """The names of the machines that get trials."""
        with self._changed:
            own = [platform.node()] if self._own in self._alive else []
            others = [self._hosts[one] for one in self._fetching if one in self._hosts]
            return tuple(sorted([*own, *others]))

    def _known(self) -> set[str]:
        with self._changed:
            return {self._own, *self._fetching, *self._unfit}

    def _welcome(self, identity: str) -> None:
        """Ask one machine, and let it fetch if it fits."""
        import ray
        from ray.exceptions import RayError

        try:
            keeper = self._keeper(identity)
            lacking = ray.get(keeper.missing.remote(self._addresses), timeout=ANSWER_WITHIN_S)
            before = time.time()
            found: Condition = ray.get(keeper.condition.remote(gpus=self._gpus), timeout=ANSWER_WITHIN_S)
            found = replace(found, clock_s=found.clock_s - (before + time.time()) / 2)
        except RayError as error:
            self._leave_out(identity, [f"does not answer ({_reason(error)}); is fadeout installed there?"])
            return
        demands = Demands(code_version(), sum(size_of(self._cache, one) for one in lacking), self._gpus)
        if said := complaints(demands, found):
            self._leave_out(identity, said, found.host)
            return
        call = keeper.fetch.remote(self._addresses, self._sources())
        with self._changed:
            self._fetching[identity] = call
            self._hosts[identity] = found.host
        fetches = f", and fetches {len(lacking)} prepared subjects" if lacking else ""
        self._tell(f"machine {found.host} takes part{fetches}")

    def _check_fetching(self) -> None:
        """Leave out machines that could not fetch what trials read."""
        import ray
        from ray.exceptions import RayError

        with self._changed:
            calls = {call: identity for identity, call in self._fetching.items()}
        ended, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0) if calls else ([], [])
        for call in ended:
            try:
                ray.get(call)
            except RayError as error:
                with self._changed:
                    del self._fetching[calls[call]]
                self._leave_out(calls[call], [f"could not fetch the prepared subjects ({_reason(error)})"])

    def _sources(self) -> list[Any]:
        """Keepers that have all entries, the driver's last."""
        import ray

        own = self._keeper(self._own)
        with self._changed:
            calls = {call: identity for identity, call in self._fetching.items()}
            done, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0) if calls else ([], [])
            return [*(self._keepers[calls[call]] for call in done), own]

    def _keeper(self, identity: str) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        with self._changed:
            if identity not in self._keepers:
                there = NodeAffinitySchedulingStrategy(identity, soft=False)
                actor = ray.remote(num_cpus=0, max_concurrency=16, scheduling_strategy=there)(Keeper)
                self._keepers[identity] = actor.remote(str(self._cache))
            return self._keepers[identity]

    def _leave_out(self, identity: str, said: Sequence[str], host: str | None = None) -> None:
        reason = f"machine {host or identity[:8]} gets no trials: {'; '.join(said)}"
        with self._changed:
            self._unfit[identity] = reason
        self._tell(reason)


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip()[:160]}" if lines else type(error).__name__
