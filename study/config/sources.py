"""Sections of the cohort's sources: how phantoms are made, and where scans in general layouts are on disk."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.config.case_names import PREFIX, CasePattern
from study.config.dirt import Dirt
from study.config.section import LIST_OF_ONE, Count, Fraction, LocalPath, Section, Seed

_STREAM = ("stream", "stream_every", "stream_processes")
PhantomCenter = Literal[
    "CHSF", "MATAR", "MATAR2", "ISLES", "JHU", "FOCH", "CBICA", "TCIA01", "TCIA02", "ISBI", "UMCL", "OFSEP"
]


class Phantom(Section):
    """The simulated cohort (see `study.phantoms`)."""

    size: Literal["small", "full"] = Field("small", description="of the images, and the number of subjects")
    seed: Seed = Field(0, description="of anatomy, lesions and acquisition")
    centers: Annotated[tuple[PhantomCenter, ...], LIST_OF_ONE] = Field(
        ("CHSF", "MATAR", "MATAR2", "ISLES", "JHU", "FOCH"),
        description="centers that are simulated: the default ones see strokes; CBICA, TCIA01 and TCIA02 tumours; ISBI, "
        "UMCL and OFSEP multiple sclerosis",
    )
    subjects_per_center: Count | None = Field(None, description="null: the size's own numbers")
    randomisation: Fraction = Field(
        0.0,
        description="how far acquisition and tissue parameters stray beyond the centers' own; 0: not at all",
    )
    random_contrast: Fraction = Field(
        0.0,
        description="share of phantoms whose tissues have any contrast, each tissue another one, instead of the known "
        "contrasts (domain randomisation)",
    )
    anatomy: Literal["procedural", "icbm152"] = Field(
        "procedural",
        description="brains: drawn from simple bodies, or deformed from the ICBM152 maps of nilearn (needs "
        "fadeout[anatomy])",
    )
    dirt: Dirt = Field(default_factory=Dirt)
    stream: bool = Field(
        False, description="trainings replace their phantoms by fresh brains, one after the other, for ever"
    )
    stream_every: Count = Field(
        10, description="for stream: iterations of a training after which another phantom is replaced"
    )
    stream_processes: Count = Field(
        2, description="for stream: processes of low priority that make fresh brains ahead, for each training"
    )
    root: LocalPath | None = Field(
        None, description="folder that they are written to; null: <study.root>/phantoms"
    )

    @property
    def made_with(self) -> dict[str, Any]:
        """The settings on which the bytes of a phantom depend, as JSON has them."""
        return self.model_dump(mode="json", exclude={"root", *_STREAM})

    @model_validator(mode="after")
    def _streams_if_asked(self) -> Phantom:
        given = [name for name in _STREAM[1:] if getattr(self, name) != Phantom.model_fields[name].default]
        if given and not self.stream:
            raise ValueError(
                f"{given[0]}: it is read with stream=true only; set cohort.phantom.stream=true, or leave it out"
            )
        return self


class NnunetRaw(Section):
    """A data set in nnU-Net's raw format."""

    root: LocalPath | None = Field(None, description="folder of the data set, with its dataset.json")
    center: str = Field("nnunet", description="the center of all cases, unless `centers` or `table` tells")
    centers: CasePattern | None = Field(
        None,
        description=f"how a case's name tells its center; {PREFIX}: by what is before the first '_'; or a regular "
        "expression of the whole name, with a group center and, if the name tells it, a group patient: "
        "(?P<center>[A-Z]+)_.*",
    )
    table: LocalPath | None = Field(
        None, description="CSV or JSON that tells centers: columns case and center, optionally patient"
    )

    @model_validator(mode="after")
    def _told_once(self) -> NnunetRaw:
        own = self.center != NnunetRaw.model_fields["center"].default
        given = {"center": own, "centers": self.centers is not None, "table": self.table is not None}
        ways = [name for name, is_given in given.items() if is_given]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} each tell the centers of cases; keep one of them")
        return self


class Bids(Section):
    """A BIDS-like folder; its participants.tsv names the centers."""

    root: LocalPath | None = Field(None, description="folder of the data set")
