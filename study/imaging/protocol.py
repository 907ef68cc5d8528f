"""What a study reads of each subject's files, and how it prepares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from study.config import Imaging


@dataclass(frozen=True)
class ImagingProtocol:
    """The settings that decide what a prepared subject holds.

    Attributes:
        modalities: inputs, in their order.
        target: the mask that is segmented.
        lesion_source: where the lesion comes from that a thrombus is near; `none` where lesions are the target.
        settings: the section `imaging`.
        b_s_mm2: the b-value of the DWI; None where nothing is computed.
        imputes: whether one of DWI, ADC and B0 is computed from the other two.
    """

    modalities: tuple[str, ...]
    target: str
    lesion_source: Literal["none", "file", "model"]
    settings: Imaging
    b_s_mm2: float | None = None
    imputes: bool = False

    @property
    def masks(self) -> tuple[str, ...]:
        """The masks that are read where a subject has them."""
        return ("brain", self.target, *(["lesion"] if self.lesion_source == "file" else []))
