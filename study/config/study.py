"""Section `study`."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from study.config.mistakes import plain
from study.config.section import Count, Section, Seed
from study.machine.mirror import local_root

LEGAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _legal_name(name: str) -> str:
    """A name that is the same on every file system, in every shell, and in an address."""
    if LEGAL_NAME.fullmatch(name):
        return name
    folder, _, last = name.rstrip("/").rpartition("/")
    if folder and LEGAL_NAME.fullmatch(last):
        raise plain(f"must be a name, got the path {name!r}; write study.name={last} study.root={folder}")
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    near = re.sub(r"[^A-Za-z0-9._-]+", "-", folded).strip("-._")
    hint = f"; {near} would do" if near else ""
    raise plain(
        "must consist of letters without accents, digits, '.', '_' and '-', and begin with a letter or a digit, "
        f"got {name!r}{hint}"
    )


StudyName = Annotated[str, AfterValidator(_legal_name)]
StudyRoot = Annotated[
    Path,
    BeforeValidator(lambda root: local_root(str(root))),
    Field(description="the folder that holds the folders of studies, or s3://bucket/folder"),
]


class StudyPlace(Section):
    """Which study, and where its files are."""

    name: StudyName = Field(description="of the study, and of its folder")
    root: StudyRoot = Path("studies")


class Study(StudyPlace):
    """What is run, and where its files are."""

    trials: Count = Field(12, description="how many settings are tried")
    replicates: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="how often the winner and the default settings are trained again with other seeds, at the end",
    )
    seed: Seed = Field(0, description="of everything random: sampler, weights, patches, dropout, bootstrap")
    concurrency: Count | None = Field(
        None, description="trials at a time; null: as many as the machine has room for"
    )
