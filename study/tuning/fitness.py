"""Whether a machine can run trials of a study: what it is asked, and what must hold."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from study.machine.version import code_version

CLOCK_S = 60.0  # how far clocks may be apart: times of epochs are compared in MLflow
SPARE_BYTES = 2**30  # for the files of a trial
MEMORY_BYTES = 2**30  # less is taken by importing the libraries alone


@dataclass(frozen=True)
class Demands:
    """What a study asks of a machine.

    Attributes:
        versions: of the code, by name.
        cache_bytes: size of the prepared subjects that the machine lacks.
        gpus: whether trials need GPUs.
    """

    versions: Mapping[str, str]
    cache_bytes: int
    gpus: bool


@dataclass(frozen=True)
class Condition:
    """What a machine says of itself.

    Attributes:
        host: its name.
        versions: of its code.
        cache_free_bytes: free where the cache is.
        temporary_free_bytes: free where trials have their files.
        memory_bytes: available.
        gpus: that torch can use; None if trials need none.
        clock_s: seconds by which its clock is ahead of the driver's.
    """

    host: str
    versions: Mapping[str, str]
    cache_free_bytes: int
    temporary_free_bytes: int
    memory_bytes: int
    gpus: int | None
    clock_s: float


def condition(cache: Path, *, gpus: bool) -> Condition:
    """The condition of this machine; its clock in seconds since 1970, which the driver compares."""
    return Condition(
        host=os.uname().nodename,
        versions=code_version(),
        cache_free_bytes=shutil.disk_usage(cache).free,
        temporary_free_bytes=shutil.disk_usage(tempfile.gettempdir()).free,
        memory_bytes=_available_memory(),
        gpus=_usable_gpus() if gpus else None,
        clock_s=time.time(),
    )


def complaints(demands: Demands, found: Condition) -> list[str]:
    """Why a machine is left out, and what would help; empty if it fits."""
    said = [
        f"{name} is {found.versions.get(name, 'missing')} there and {wanted} here; install the same version"
        for name, wanted in demands.versions.items()
        if found.versions.get(name) != wanted
    ]
    if found.cache_free_bytes < demands.cache_bytes + SPARE_BYTES:
        said.append(
            f"{_gb(found.cache_free_bytes)} free for the cache, {_gb(demands.cache_bytes + SPARE_BYTES)} needed; "
            "free space, or set imaging.cache to a larger disk"
        )
    if found.temporary_free_bytes < SPARE_BYTES:
        said.append(
            f"{_gb(found.temporary_free_bytes)} free for temporary files, {_gb(SPARE_BYTES)} needed; "
            "free space, or set TMPDIR before `ray start`"
        )
    if found.memory_bytes < MEMORY_BYTES:
        said.append(f"{_gb(found.memory_bytes)} of memory available, {_gb(MEMORY_BYTES)} needed")
    if found.gpus == 0:
        said.append("torch finds no GPU there; check the driver, and that torch is a CUDA build")
    if abs(found.clock_s) > CLOCK_S:
        ahead = "ahead of" if found.clock_s > 0 else "behind"
        said.append(f"its clock is {abs(found.clock_s):.0f} s {ahead} this machine's; synchronise it (NTP)")
    return said


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _available_memory() -> int:
    """Bytes that processes can still take."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")


def _usable_gpus() -> int:
    """GPUs that torch can use, Ray's restriction of this process aside."""
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
