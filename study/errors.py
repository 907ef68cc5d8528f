"""Exceptions for errors that users can fix.

::

    FadeoutError                 base class; commands print the error and exit with code 2
    ├── ConfigError              the configuration: lists every mistake with its path
    ├── CohortError              the data: lists every problem with subject, file and remedy
    │   └── CacheError           a prepared subject that is not in the cache, which can be filled again
    ├── StudyError               a study that exists, is missing, or does not fit its configuration
    │   ├── TakenOverError       another driver has taken the study over
    │   └── AllFailedError       every trial has failed; the exit code is 3
    ├── TrainingError            a training that cannot continue (a loss that is not finite)
    ├── TransferError            a file that did not arrive whole on another machine
    ├── MemoryShortageError      a training that does not fit into memory: says which settings to lower
    ├── LoaderError              a process that draws patches died or hangs; resuming may help
    ├── ProducerError            a process that makes fresh brains died or cannot write; resuming may help
    ├── BundleError              a bundle that is missing, damaged or of another version
    └── MissingDependencyError   a step needs an optional package that is not installed
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "AllFailedError",
    "BundleError",
    "CacheError",
    "CohortError",
    "ConfigError",
    "FadeoutError",
    "LoaderError",
    "MemoryShortageError",
    "MissingDependencyError",
    "Problem",
    "ProducerError",
    "Remark",
    "StudyError",
    "TakenOverError",
    "TrainingError",
    "TransferError",
]


class FadeoutError(Exception):
    """An error that a user can fix; the text says what is wrong, where, and what to do."""


class ConfigError(FadeoutError):
    """One or more mistakes in the configuration, each a line `path: what is wrong; what would be right`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[str, ...]]]:
        """Arrive in another process with the problems, not with their text."""
        return type(self), (self.problems,)


@dataclass(frozen=True)
class Problem:
    """One problem of one subject: which file, what is wrong, and what to do about it.

    Attributes:
        subject: its name.
        file: None where no single file is concerned, or where subjects are pseudonymous.
        what: is wrong; names neither subjects nor their files.
        remedy: what to do.
        names: of files that `what` is about; "" where subjects are pseudonymous.
    """

    subject: str
    file: Path | None
    what: str
    remedy: str
    names: str = ""

    def __str__(self) -> str:
        where = f"{self.subject}: {self.file}" if self.file else self.subject
        names = f" ({self.names})" if self.names else ""
        return f"{where}: {self.what}{names}; {self.remedy}"


@dataclass(frozen=True)
class Remark:
    """Something about the data that stops nothing, and may be a mistake.

    Attributes:
        about: a setting, a table, or a group of subjects.
        what: there is to know, with numbers.
        remedy: what to do if it is a mistake; "" where nothing can be.
    """

    about: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.about}: {self.what}{remedy}"


class CohortError(FadeoutError):
    """One or more problems in the data, listed one per line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[CohortError], tuple[tuple[Problem, ...]]]:
        """Arrive in another process with the problems, not with their text."""
        return type(self), (self.problems,)


class CacheError(CohortError):
    """Prepared subjects that are not in the cache."""


class StudyError(FadeoutError):
    """A study that already exists, is missing, or does not fit its configuration."""


class TakenOverError(StudyError):
    """Another driver has taken the study over; this one must not write to its database or folder any more."""


class AllFailedError(StudyError):
    """Every trial of a study has failed; commands exit with code 3."""


class TrainingError(FadeoutError):
    """A training that cannot continue."""


class TransferError(FadeoutError):
    """A file that did not arrive whole on another machine."""


class MemoryShortageError(FadeoutError):
    """A training or a judgement that does not fit into memory."""


class LoaderError(FadeoutError):
    """A process that draws patches for a training died or hangs."""


class ProducerError(FadeoutError):
    """A process that makes fresh brains for a training died or cannot write."""


class BundleError(FadeoutError):
    """A bundle that is missing, damaged, or of another version."""


class MissingDependencyError(FadeoutError):
    """A step needs an optional package that is not installed."""
