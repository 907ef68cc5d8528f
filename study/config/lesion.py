"""Section `lesion`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from study.config.section import BundlePath, Section


class Lesion(Section):
    """Source of the lesion used to locate the thrombus; read only with cohort.target=thrombus."""

    source: Literal["none", "file", "model"] = Field(
        "file", description="file: the subject's lesion mask, where it has one; model: predicted"
    )
    path: BundlePath | None = Field(
        None,
        description="for source=model: folder of a study of lesions, or a bundle; rule: the rule without training that "
        "comes with the package",
    )
