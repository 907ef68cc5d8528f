"""The memory of this machine; and that it has run out, of the host or of a GPU, in whatever form a library says so."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

# A GPU's allocator, the CPU's, those of cuDNN and cuBLAS: torch has one class for the first, RuntimeError for the rest.
_TEXTS = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)

# The most that processes of a container may take, in version 2 and in version 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def total_memory() -> int:
    """Bytes of memory that this machine, or the container that this process runs in, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [path.read_text().strip() for path in _LIMITS if path.is_file()]
    return min([total, *(int(limit) for limit in limits if limit.isdigit())])


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out; torch is not imported."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_TEXTS.search(str(error)))
