"""What can go wrong, and how it is told.

::

    FadeoutError                 anything a user can mend; commands print it and exit with code 2
    ├── ConfigError              the configuration: every mistake at once, each with its path
    ├── CohortError              the data: every problem at once, each with subject, file and remedy
    ├── StudyError               a study that exists, is missing, or does not fit its configuration
    ├── TrainingError            a training that cannot go on (a loss that is not finite)
    ├── BundleError              a bundle that is missing, damaged or of another version
    └── MissingDependencyError   an optional package that this step needs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "BundleError",
    "CohortError",
    "ConfigError",
    "FadeoutError",
    "MissingDependencyError",
    "Problem",
    "StudyError",
    "TrainingError",
]


class FadeoutError(Exception):
    """Anything that a user can mend: what is wrong, where, and what to do."""


class ConfigError(FadeoutError):
    """One or more mistakes in the configuration, each a line `path: what is wrong; what would be right`."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one subject: where it is, what it is, what to do about it."""

    subject: str
    file: Path | None
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.subject}: {self.file}" if self.file else self.subject
        return f"{where}: {self.what}; {self.remedy}"


class CohortError(FadeoutError):
    """One or more problems in the data, all of them listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StudyError(FadeoutError):
    """A study that exists already, cannot be found, or does not fit the configuration."""


class TrainingError(FadeoutError):
    """A training that cannot go on."""


class BundleError(FadeoutError):
    """A bundle that is missing, damaged, or of another version."""


class MissingDependencyError(FadeoutError):
    """An optional package is needed for this step and is not installed."""
