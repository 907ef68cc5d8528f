"""Which error is retried, which is final, and which stops the study."""

from __future__ import annotations

import errno
import os
import pickle
import sqlite3

import pytest
import torch
from sqlalchemy.exc import OperationalError

from study.errors import (
    BundleError,
    CacheError,
    CohortError,
    ConfigError,
    LoaderError,
    MemoryShortageError,
    MissingDependencyError,
    Problem,
    ProducerError,
    StudyError,
    TrainingError,
)
from study.tuning.faults import Action, Death, judge

PROBLEM = Problem("Jane-Roe", None, "broken", "mend it")
RETRY, FAIL, STOP = Action.RETRY, Action.FAIL, Action.STOP


def numbered(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/data/x.npy")


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


class SafetensorError(Exception):
    """As `safetensors.SafetensorError`, which cannot be made with the text of a full disk here."""


# The texts are those of torch 2.13, safetensors 0.5 and Python 3.11.
TABLE = [
    (numbered(errno.ENOSPC), RETRY, "the disk is full", False),
    (numbered(errno.EDQUOT), RETRY, "the disk is full", False),
    (numbered(errno.EIO), RETRY, "a disk failed to read or write", False),
    (numbered(errno.ESTALE), RETRY, "a file's server lost it (stale handle)", False),
    (numbered(errno.EROFS), RETRY, "a disk is read-only", False),
    (numbered(errno.ENOENT), RETRY, "a file is missing", False),
    (numbered(errno.EACCES), RETRY, "files cannot be read or written", False),
    (numbered(errno.ENOMEM), RETRY, "out of memory", True),
    (numbered(errno.EHOSTUNREACH), RETRY, "the network failed", False),
    (ConnectionResetError(), RETRY, "the network failed", False),
    (TimeoutError("too late"), RETRY, "the network failed", False),
    (
        OSError(
            "Caught OSError in DataLoader worker process 0.\n…\nOSError: [Errno 28] No space left on device"
        ),
        RETRY,
        "the disk is full",
        False,
    ),
    (
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RETRY,
        "the disk is full",
        False,
    ),
    (CacheError([PROBLEM]), RETRY, "a prepared subject is not in the cache, or damaged there", False),
    (MemoryError(), RETRY, "out of memory", True),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), RETRY, "out of memory", True),
    (
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"
        ),
        RETRY,
        "out of memory",
        True,
    ),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), RETRY, "out of memory", True),
    (MemoryShortageError("out of memory; lower …"), RETRY, "out of memory", True),
    (LoaderError("one of 2 processes …"), RETRY, "a process that draws patches died or hangs", True),
    (ProducerError("one of 2 processes …"), RETRY, "a process that makes fresh brains died", True),
    (caused(ProducerError("could not be made"), numbered(errno.ENOSPC)), RETRY, "the disk is full", False),
    (
        caused(ProducerError("could not be made"), MemoryError()),
        RETRY,
        "a process that makes fresh brains died",
        True,
    ),
    (RuntimeError("CUDA error: unspecified launch failure"), RETRY, "a GPU failed", True),
    (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), RETRY, "a GPU failed", True),
    (
        RuntimeError("[pair.cc:553] Connection closed by peer [10.0.0.2]:4711"),
        RETRY,
        "processes that train together lost each other",
        False,
    ),
    (
        torch.distributed.DistBackendError("NCCL error in: ncclUnhandledCudaError"),
        RETRY,
        "processes that train together lost each other",
        False,
    ),
    (TrainingError("the loss is nan in epoch 3"), FAIL, "TrainingError", False),
    (ConfigError(["model.patch_size: does not fit"]), FAIL, "ConfigError", False),
    (CohortError([PROBLEM]), FAIL, "CohortError", False),
    (StudyError("damaged"), FAIL, "StudyError", False),
    (BundleError("damaged"), FAIL, "BundleError", False),
    (KeyError("DWI"), FAIL, "KeyError: a mistake in the code", False),
    (ZeroDivisionError(), FAIL, "ZeroDivisionError: a mistake in the code", False),
    (
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        FAIL,
        "RuntimeError: a mistake in the code",
        False,
    ),
    (
        RuntimeError("CUDA error: device-side assert triggered"),
        FAIL,
        "RuntimeError: a mistake in the code",
        False,
    ),
    (
        ModuleNotFoundError("No module named 'mylab'"),
        STOP,
        "code cannot be imported, or not be sent to another process",
        False,
    ),
    (
        pickle.PicklingError("not found as x.y"),
        STOP,
        "code cannot be imported, or not be sent to another process",
        False,
    ),
    (
        TypeError("cannot pickle '_thread.lock' object"),
        STOP,
        "code cannot be imported, or not be sent to another process",
        False,
    ),
    (
        AttributeError("Can't get attribute 'x' on <module '__main__'>"),
        STOP,
        "code cannot be imported, or not be sent to another process",
        False,
    ),
    (
        MissingDependencyError("needs torchio"),
        STOP,
        "code cannot be imported, or not be sent to another process",
        False,
    ),
    (TypeError("unsupported operand"), FAIL, "TypeError: a mistake in the code", False),
    (sqlite3.OperationalError("database is locked"), STOP, "the database of the study failed", False),
    (OperationalError("select 1", None, Exception("gone")), STOP, "the database of the study failed", False),
    (Death.PROCESS, RETRY, "the trial's process died", True),
    (Death.MEMORY, RETRY, "out of memory", True),
    (Death.NODE, RETRY, "the trial's host died or left", False),
    (Death.UNREACHABLE, RETRY, "the network failed", False),
    (Death.LOST, RETRY, "what the trial sent was lost with a host", False),
    (Death.DISK, RETRY, "the disk is full", False),
    (Death.START, RETRY, "the trial's process could not be started", False),
    (Death.PLACE, RETRY, "no host can run the trial", False),
    (Death.ENVIRONMENT, STOP, "a host cannot provide the environment of the study", False),
    (Death.REFUSED, STOP, "the cluster refuses the study (authentication)", False),
]


@pytest.mark.parametrize(
    ("error", "action", "cause", "by_trial"),
    TABLE,
    ids=[f"{number}-{type(row[0]).__name__}" for number, row in enumerate(TABLE)],
)
def test_what_an_error_means(error: Exception | Death, action: Action, cause: str, by_trial: bool) -> None:
    fault = judge(error)
    assert (fault.action, fault.cause, fault.by_trial) == (action, cause, by_trial)
    assert fault.advice


def test_every_death_is_in_the_table() -> None:
    assert {row[0] for row in TABLE if isinstance(row[0], Death)} == set(Death)


def test_an_error_that_says_nothing_means_what_it_was_raised_from() -> None:
    error = RuntimeError("could not keep the probabilities")
    error.__cause__ = numbered(errno.ENOSPC)
    assert judge(error) == judge(numbered(errno.ENOSPC))


def test_no_subject_or_file_is_named() -> None:
    for error in (CohortError([PROBLEM]), CacheError([PROBLEM]), numbered(errno.EIO), KeyError("Jane-Roe")):
        fault = judge(error)
        assert "Jane-Roe" not in f"{fault.cause} {fault.advice}"
        assert "/data" not in f"{fault.cause} {fault.advice}"
