"""Section `study`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from study.config.section import Count, Section, Seed
from study.machine.mirror import local_root


class Study(Section):
    """What is run, and where its files are."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="of the study and of its folder"
    )
    root: Annotated[Path, BeforeValidator(lambda root: local_root(str(root)))] = Field(
        Path("studies"), description="the folder that holds the folders of studies, or s3://bucket/folder"
    )
    trials: Count = Field(12, description="how many settings are tried")
    replicates: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="how often the winner and the default settings are trained again with other seeds, at the end",
    )
    seed: Seed = Field(0, description="of everything random: sampler, weights, patches, dropout, bootstrap")
    concurrency: Count | None = Field(
        None, description="trials at a time; null: as many as the machine has room for"
    )
