"""Ray's own errors, as Ray makes them."""

from __future__ import annotations

import pytest
from ray import exceptions
from ray.train.v2._internal.exceptions import UserExceptionWithTraceback
from ray.train.v2.api.exceptions import ControllerError, WorkerGroupError

from study.errors import TrainingError
from study.tuning.deaths import what_happened
from study.tuning.faults import Action, Death, judge

NAN = TrainingError("the loss is nan")
GONE = RuntimeError("[pair.cc:553] Connection closed by peer [10.0.0.2]:4711")


def died(text: str) -> exceptions.RayActorError:
    return exceptions.RayActorError(error_msg=text)


def task(cause: Exception) -> exceptions.RayTaskError:
    return exceptions.RayTaskError("train", "Traceback …", cause, proctitle="x", pid=1, ip="10.0.0.2")


@pytest.mark.parametrize(
    ("error", "death"),
    [
        (exceptions.WorkerCrashedError(), Death.PROCESS),
        (exceptions.ActorDiedError(), Death.PROCESS),
        (died("The actor died because its node has died. Node Id: abc"), Death.NODE),
        (exceptions.RayActorError(error_msg="The actor died", preempted=True), Death.NODE),
        (died("Task was killed due to the node running low on memory."), Death.MEMORY),
        (exceptions.RayActorError(error_msg="in its creation task", actor_init_failed=True), Death.START),
        (exceptions.ActorUnavailableError("rpc", None), Death.UNREACHABLE),
        (exceptions.OutOfMemoryError("Task was killed"), Death.MEMORY),
        (exceptions.NodeDiedError("gone"), Death.NODE),
        (exceptions.LocalRayletDiedError(), Death.NODE),
        (exceptions.RpcError("UNAVAILABLE"), Death.UNREACHABLE),
        (exceptions.RaySystemError("broken"), Death.UNREACHABLE),
        (exceptions.GetTimeoutError("late"), Death.UNREACHABLE),
        (exceptions.OwnerDiedError("ab", None, ""), Death.LOST),
        (exceptions.ObjectLostError("ab", None, ""), Death.LOST),
        (exceptions.ObjectStoreFullError("full"), Death.DISK),
        (exceptions.OutOfDiskError("full"), Death.DISK),
        (exceptions.ActorUnschedulableError("no CPU"), Death.PLACE),
        (exceptions.ActorPlacementGroupRemoved(), Death.PLACE),
        (exceptions.RuntimeEnvSetupError("pip"), Death.ENVIRONMENT),
        (exceptions.AuthenticationError("token"), Death.REFUSED),
        (exceptions.RayError("Exception x.Y isn't serializable"), Death.PROCESS),
        (ControllerError(exceptions.NodeDiedError("gone")), Death.NODE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_how_a_trial_died(error: Exception, death: Death) -> None:
    assert what_happened(error) is death


@pytest.mark.parametrize("error", [NAN, OSError(28, "No space left on device"), KeyError("x")])
def test_an_error_of_the_trial_is_found_in_whatever_ray_has_wrapped_around_it(error: Exception) -> None:
    wrapped = task(error)
    assert what_happened(error) is error
    assert what_happened(wrapped) is error
    assert what_happened(wrapped.as_instanceof_cause()) is error
    assert what_happened(WorkerGroupError("failed", {0: UserExceptionWithTraceback(error, "…")})) is error


def test_of_a_group_the_process_that_knows_the_reason_counts() -> None:
    memory = MemoryError()
    group = WorkerGroupError("failed", {0: GONE, 1: exceptions.ActorDiedError(), 2: memory})
    assert what_happened(group) is memory
    assert (
        what_happened(WorkerGroupError("failed", {0: GONE, 1: exceptions.ActorDiedError()})) is Death.PROCESS
    )
    alone = what_happened(WorkerGroupError("failed", {0: GONE}))
    assert alone is GONE
    assert judge(alone).action is Action.RETRY
