"""Sections of public data sets on disk, each in its own layout."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from study.config.section import LocalPath, Section


class Isles2022(Section):
    """The ISLES 2022 data set on disk, in either layout."""

    root: LocalPath | None = Field(None, description="folder of the data set")
    center: str = Field("ISLES2022", description="the center that its subjects count for")


class Brats2018(Section):
    """The BraTS 2018 data set on disk; the names of its cases tell the institution."""

    root: LocalPath | None = Field(None, description="folder with HGG and LGG")


class Brats2023(Section):
    """A data set of BraTS 2023 on disk, such as that of gliomas (GLI)."""

    root: LocalPath | None = Field(None, description="folder with the folders of the cases")
    center: str | None = Field(
        None, description="the center of all cases; null: what their names say: GLI, SSA, MEN, MET or PED"
    )
    table: LocalPath | None = Field(
        None, description="CSV or JSON that tells centers: columns case and center, optionally patient"
    )

    @model_validator(mode="after")
    def _told_once(self) -> Brats2023:
        if self.center is not None and self.table is not None:
            raise ValueError("center and table each tell the centers of cases; keep one of them")
        return self


class Isbi2015(Section):
    """The longitudinal MS data set of the ISBI 2015 challenge on disk."""

    root: LocalPath | None = Field(None, description="folder with training01 and so on")
    center: str = Field("ISBI2015", description="the center that its subjects count for")
    rater: Literal[1, 2] = Field(1, description="of the two raters, the one whose masks are used")


class Umcl(Section):
    """The multi-rater MS data set of the University Medical Center Ljubljana on disk."""

    root: LocalPath | None = Field(None, description="folder with patient01 and so on")
    center: str = Field("UMCL", description="the center that its subjects count for")


class Jhu(Section):
    """The stroke data set of Johns Hopkins (ICPSR 38464) on disk."""

    root: LocalPath | None = Field(
        None, description="folder with the folders sub-…, or with parts that hold them"
    )
    center: str = Field("JHU", description="the center that its subjects count for")
