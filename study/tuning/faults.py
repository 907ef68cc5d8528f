"""What an error of a trial means: try it again from its checkpoint, fail it for good, or stop the study.

What passes (disk, network, memory, a process that died) is retried; what would come again (a loss that is not finite, a
mistake in the settings, a bug) is final; what would happen to every trial (code that cannot be imported or sent, the
database) stops the study, which `resume=true` continues. One pure function says which is which; how often is too often
stands in `study.tuning.retries`. Ray is not imported: `study.tuning.deaths` reads its errors.
"""

from __future__ import annotations

import errno
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from study.errors import (
    CacheError,
    CohortError,
    FadeoutError,
    LoaderError,
    MemoryShortageError,
    MissingDependencyError,
    ProducerError,
    TransferError,
)
from study.machine.memory import is_out_of_memory

__all__ = ["LOST_OTHERS", "Action", "Death", "Fault", "is_shortage", "judge"]


class Action(Enum):
    """What follows from an error."""

    RETRY = "the trial is tried again, from its checkpoint"
    FAIL = "the trial has failed for good"
    STOP = "the study stops; resume=true continues it"


class Death(Enum):
    """How a trial can end without an error of its own."""

    PROCESS = "the trial's process died"
    MEMORY = "the trial's process was ended because its host ran out of memory"
    NODE = "the trial's host died or left"
    UNREACHABLE = "the trial's process cannot be reached"
    LOST = "what the trial sent was lost with a host"
    DISK = "a host has no disk space left for Ray"
    START = "the trial's process could not be started"
    PLACE = "no host can run the trial"
    ENVIRONMENT = "a host cannot provide the environment of the study"
    REFUSED = "the cluster refuses the study (authentication)"


@dataclass(frozen=True)
class Fault:
    """What an error means.

    Attributes:
        action: what follows, as long as there are not too many of them.
        cause: what errors with the same remedy have in common; faults are counted by it.
        advice: what the user can do.
        by_trial: whether the trial itself may be to blame, so that it counts against `tuning.max_failures`.
    """

    action: Action
    cause: str
    advice: str = ""
    by_trial: bool = False


_DISK = Fault(Action.RETRY, "the disk is full", "free space, or raise the quota")
_MEMORY = Fault(
    Action.RETRY,
    "out of memory",
    "lower trainer.batch_size, model.patch_size or study.concurrency, or set trainer.on_out_of_memory=halve",
    by_trial=True,
)
_NETWORK = Fault(Action.RETRY, "the network failed", "check the links between the hosts")
_GROUP = Fault(
    Action.RETRY, "processes that train together lost each other", "check the hosts and their links"
)
_LOADER = Fault(
    Action.RETRY,
    "a process that draws patches died or hangs",
    "lower trainer.loader_workers, or set it to 0",
    by_trial=True,
)
_PRODUCER = Fault(
    Action.RETRY,
    "a process that makes fresh brains died",
    "lower cohort.phantom.stream_processes",
    by_trial=True,
)
_GPU = Fault(Action.RETRY, "a GPU failed", "check the host's GPU (nvidia-smi, dmesg)", by_trial=True)
_CACHE = Fault(
    Action.RETRY,
    "a prepared subject is not in the cache, or damaged there",
    "check the space and permissions of the cache",
)
_CODE = Fault(
    Action.STOP,
    "code cannot be imported, or not be sent to another process",
    "install the same packages on every host, and define parts at the top level of a module",
)
_DATABASE = Fault(
    Action.STOP, "the database of the study failed", "check that it runs and can be reached (tuning.storage)"
)

LOST_OTHERS = frozenset({_NETWORK.cause, _GROUP.cause})
"""Causes that processes of a group meet when another one of them has died: they say nothing of why."""

_DEATHS: Mapping[Death, Fault] = {
    Death.PROCESS: Fault(
        Action.RETRY, Death.PROCESS.value, "look for crashes in the host's log", by_trial=True
    ),
    Death.MEMORY: _MEMORY,
    Death.NODE: Fault(Action.RETRY, Death.NODE.value, "start Ray on it again, or on others"),
    Death.UNREACHABLE: _NETWORK,
    Death.LOST: Fault(Action.RETRY, Death.LOST.value, "check the hosts"),
    Death.DISK: _DISK,
    Death.START: Fault(Action.RETRY, Death.START.value, "look at the logs of Ray on the host"),
    Death.PLACE: Fault(
        Action.RETRY, Death.PLACE.value, "add hosts, or lower what a trial reserves (trainer.*_per_worker)"
    ),
    Death.ENVIRONMENT: Fault(Action.STOP, Death.ENVIRONMENT.value, "install the same packages on every host"),
    Death.REFUSED: Fault(Action.STOP, Death.REFUSED.value, "give all hosts and the driver the same token"),
}

_NETWORK_NUMBERS = frozenset(
    {
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN),
    }
)
_FILES: Mapping[int, Fault] = {
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    errno.EIO: Fault(Action.RETRY, "a disk failed to read or write", "check the disk (dmesg)"),
    errno.ESTALE: Fault(Action.RETRY, "a file's server lost it (stale handle)", "mount the folder again"),
    errno.EROFS: Fault(
        Action.RETRY, "a disk is read-only", "check the disk (dmesg), and mount it for writing"
    ),
    errno.ENOENT: Fault(Action.RETRY, "a file is missing", "check that folders are mounted on every host"),
    errno.ENOMEM: _MEMORY,
    **dict.fromkeys(_NETWORK_NUMBERS, _NETWORK),
}
_OTHER_FILE = Fault(Action.RETRY, "files cannot be read or written", "check permissions and limits")
# In the text of errors that carry the system's number nowhere else: safetensors', those of torch's loader processes.
_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)", re.IGNORECASE)

_DATABASES = ("sqlalchemy", "psycopg", "psycopg2", "sqlite3", "pymysql", "MySQLdb", "redis")
_DATABASE_CLASSES = frozenset({"StorageInternalError"})  # Optuna's
_DISTRIBUTED = frozenset({"DistError", "DistBackendError", "DistNetworkError", "DistStoreError"})  # torch's
_GROUP_TEXTS = re.compile(
    r"connection (closed|reset|refused|was closed)|timed out waiting|socket timeout|broken pipe|gloo|nccl",
    re.IGNORECASE,
)
_GPU_TEXTS = re.compile(
    r"CUDA error|CUDNN_STATUS|CUBLAS_STATUS|no CUDA GPUs are available|ECC error", re.IGNORECASE
)
_BUG_ON_GPU = "device-side assert"  # an index out of range, say


def is_shortage(fault: Fault) -> bool:
    """Whether memory has run out."""
    return fault == _MEMORY


def judge(error: Exception | Death) -> Fault:
    """What an error means, by its type, its number or its text.

    Args:
        error: of a training or its surroundings; see `study.tuning.deaths.what_happened` for Ray's.
    """
    if isinstance(error, Death):
        return _DEATHS[error]
    found = _ours(error) or _librarys(error) or _systems(error) or _torchs(error)
    if found is None and isinstance(error.__cause__, Exception):
        found = judge(error.__cause__)
    return found or Fault(
        Action.FAIL, f"{type(error).__name__}: a mistake in the code", "report it with the traceback"
    )


def _ours(error: Exception) -> Fault | None:
    if isinstance(error, MemoryShortageError) or is_out_of_memory(error):
        return _MEMORY
    if isinstance(error, LoaderError):
        return _LOADER
    if isinstance(error, ProducerError):
        return judge(error.__cause__) if isinstance(error.__cause__, OSError) else _PRODUCER
    if isinstance(error, CacheError):
        return _CACHE
    if isinstance(error, TransferError):
        return _NETWORK
    if isinstance(error, MissingDependencyError):
        return _CODE
    if isinstance(error, CohortError):  # its text names subjects, and what a trial failed of is tracked
        listed = f"{len(error.problems)} problems; study.cohort check lists them"
        return Fault(Action.FAIL, type(error).__name__, listed)
    if isinstance(error, FadeoutError):
        return Fault(Action.FAIL, type(error).__name__, str(error))
    return None


def _librarys(error: Exception) -> Fault | None:
    """Errors of imports, pickling and databases."""
    text = str(error)
    if isinstance(error, ImportError | pickle.PickleError):
        return _CODE
    if isinstance(error, TypeError | AttributeError) and re.search(
        r"[Cc]an(no|')t (pickle|get attribute)", text
    ):
        return _CODE
    for kind in type(error).__mro__:
        if kind.__module__.partition(".")[0] in _DATABASES or kind.__name__ in _DATABASE_CLASSES:
            return _DATABASE
    return None


def _systems(error: Exception) -> Fault | None:
    """Errors that the operating system numbers."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (match := _NUMBER.search(str(error))):
        number = int(match[1] or match[2])
    if number is not None and number in _FILES:
        return _FILES[number]
    if isinstance(error, ConnectionError | TimeoutError):
        return _NETWORK
    return _OTHER_FILE if isinstance(error, OSError) or number is not None else None


def _torchs(error: Exception) -> Fault | None:
    """Errors of GPUs, and of processes that train together."""
    text = str(error)
    if _DISTRIBUTED & {kind.__name__ for kind in type(error).__mro__}:
        return _GROUP
    if not isinstance(error, RuntimeError) or _BUG_ON_GPU in text:
        return None
    if _GPU_TEXTS.search(text):
        return _GPU
    return _GROUP if _GROUP_TEXTS.search(text) else None
