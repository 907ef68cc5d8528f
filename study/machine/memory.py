"""Recognises that memory has run out, of the host or of a GPU, in whatever form a library says so."""

from __future__ import annotations

import errno
import re

# A GPU's allocator, the CPU's, those of cuDNN and cuBLAS: torch has one class for the first, RuntimeError for the rest.
_TEXTS = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|CUDNN_STATUS_ALLOC_FAILED|CUBLAS_STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has run out; torch is not imported."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_TEXTS.search(str(error)))
