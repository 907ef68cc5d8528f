"""Sections of the cohort's sources: where each layout is on disk, and how phantoms are made."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from study.config.section import LIST_OF_ONE, Count, Fraction, LocalPath, Section, Seed


class Phantom(Section):
    """The simulated cohort (see `study.phantoms`)."""

    size: Literal["small", "full"] = Field("small", description="of the images, and the number of subjects")
    seed: Seed = Field(0, description="of anatomy, lesions and acquisition")
    centers: Annotated[
        tuple[Literal["CHSF", "MATAR", "MATAR2", "ISLES", "JHU", "FOCH"], ...], LIST_OF_ONE
    ] = Field(("CHSF", "MATAR", "MATAR2", "ISLES", "JHU", "FOCH"), description="centers that are simulated")
    subjects_per_center: Count | None = Field(None, description="null: the size's own numbers")
    randomisation: Fraction = Field(
        0.0,
        description="how far acquisition and tissue parameters stray beyond the centers' own; 0: not at all",
    )
    root: LocalPath | None = Field(
        None, description="folder that they are written to; null: <study.root>/phantoms"
    )


class Isles2022(Section):
    """The ISLES 2022 data set on disk, in either layout."""

    root: LocalPath | None = Field(None, description="folder of the data set")
    center: str = Field("ISLES2022", description="the center that its subjects count for")


class NnunetRaw(Section):
    """A data set in nnU-Net's raw format."""

    root: LocalPath | None = Field(None, description="folder of the data set, with its dataset.json")
    center: str = Field("nnunet", description="the center that its subjects count for")


class Bids(Section):
    """A BIDS-like folder; its participants.tsv names the centers."""

    root: LocalPath | None = Field(None, description="folder of the data set")
