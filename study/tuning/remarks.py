"""Warnings of a trial, brought home from the process that trains it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from study.tuning.courier import Courier

PACKAGE = "study"  # the logger of all modules


@contextmanager
def remarking(courier: Courier) -> Iterator[None]:
    """Hand the warnings of the block to the courier, which brings them home with the next files."""
    handler = _Handler(courier)
    logger = logging.getLogger(PACKAGE)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, courier: Courier) -> None:
        super().__init__(logging.WARNING)
        self._courier = courier

    def emit(self, record: logging.LogRecord) -> None:
        self._courier.remark(record.getMessage())
