"""What Ray's errors mean: an error of the trial itself, or a death. Classes are known by name; Ray is not imported."""

from __future__ import annotations

import re
from collections.abc import Mapping

from study.tuning.faults import LOST_OTHERS, Death, judge

__all__ = ["what_happened"]

_NAMES: Mapping[str, Death] = {
    "OutOfMemoryError": Death.MEMORY,
    "NodeDiedError": Death.NODE,
    "LocalRayletDiedError": Death.NODE,
    "PreemptionError": Death.NODE,
    "ActorUnavailableError": Death.UNREACHABLE,
    "RpcError": Death.UNREACHABLE,
    "RaySystemError": Death.UNREACHABLE,
    "GetTimeoutError": Death.UNREACHABLE,
    "NCCLHangError": Death.UNREACHABLE,
    "CollectiveTimeoutError": Death.UNREACHABLE,
    "WorkerHealthCheckTimeoutError": Death.UNREACHABLE,
    "WorkerHealthCheckFailedError": Death.PROCESS,
    "ObjectLostError": Death.LOST,
    "ObjectStoreFullError": Death.DISK,
    "OutOfDiskError": Death.DISK,
    "TaskUnschedulableError": Death.PLACE,
    "ActorUnschedulableError": Death.PLACE,
    "TaskPlacementGroupRemoved": Death.PLACE,
    "ActorPlacementGroupRemoved": Death.PLACE,
    "InsufficientClusterResourcesError": Death.PLACE,
    "WorkerGroupStartupTimeoutError": Death.PLACE,
    "WorkerGroupStartupFailedError": Death.START,
    "RuntimeEnvSetupError": Death.ENVIRONMENT,
    "AuthenticationError": Death.REFUSED,
    "WorkerCrashedError": Death.PROCESS,
    "RayActorError": Death.PROCESS,  # after its more precise kinds
    "RayError": Death.PROCESS,  # any other kind
    "RayTrainError": Death.PROCESS,
}
# What the text of a process that died says of the reason.
_MEMORY_TEXT = re.compile(r"low on memory|out of memory|OutOfMemory|OUT_OF_MEMORY|oom", re.IGNORECASE)
_NODE_TEXT = re.compile(r"node has died|node (was )?terminated|preempt", re.IGNORECASE)


def what_happened(error: Exception) -> Exception | Death:
    """The error that a trial raised, without what Ray has wrapped around it; a death where it raised none.

    Of a group in which several processes failed, the one that tells most counts: those that only lost the others come
    last.
    """
    kinds = [kind for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "ray"]
    if not kinds:
        return error
    failures: Mapping[int, Exception] | None = getattr(error, "worker_failures", None)
    if failures:
        found = [what_happened(failures[rank]) for rank in sorted(failures)]
        return min(found, key=_tells_little)
    for name in (
        "cause",
        "_base_exc",
        "controller_failure",
    ):  # a task's, a train worker's, a train controller's
        inner = getattr(error, name, None)
        if isinstance(inner, Exception) and inner is not error:
            return what_happened(inner)
    return _death(error, {kind.__name__ for kind in kinds})


def _death(error: Exception, names: set[str]) -> Death:
    found = next((death for name, death in _NAMES.items() if name in names), Death.PROCESS)
    if found is not Death.PROCESS:
        return found
    text = str(error)
    if _NODE_TEXT.search(text) or getattr(error, "preempted", False):
        return Death.NODE
    if _MEMORY_TEXT.search(text):
        return Death.MEMORY
    return Death.START if getattr(error, "actor_init_failed", False) else Death.PROCESS


def _tells_little(happened: Exception | Death) -> int:
    """0 for an error of the training, 1 for a death, 2 for having lost the others."""
    if isinstance(happened, Death):
        return 1
    return 2 if judge(happened).cause in LOST_OTHERS else 0
