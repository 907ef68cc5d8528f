"""Keys that several commands share: which study, which trial, and paths as they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from study.commandline.command import DebugKey
from study.config.study import StudyPlace

__all__ = ["GivenPath", "OfStudy", "TrialNumber"]

GivenPath = Annotated[
    Path, AfterValidator(lambda path: path.expanduser())
]  # messages show it as it was given
TrialNumber = Annotated[int, Field(ge=0)]


class OfStudy(DebugKey):
    """Keys of a command that works on a study."""

    study: StudyPlace
