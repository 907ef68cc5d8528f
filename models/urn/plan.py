"""The plan of the unified representation network (Lau et al. 2019, arXiv:1908.06683). Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.parts.plane_planning import PlanePlan, plane_fields
from models.plan import Scans


@dataclass(frozen=True)
class URNPlan(PlanePlan):
    """What `models.urn.network.URN` is built from; its U-Nets have the `features` of the 2D baseline.

    Attributes:
        channels: of the unified representation.
        decoder_channels: of the synthesis decoders.
        fusion: key of `models.urn.network.FUSIONS`.
    """

    channels: int
    decoder_channels: int
    fusion: str


def plan_urn(name: str, settings: Mapping[str, Any], scans: Scans) -> URNPlan:
    """The plan that the `model` section of a configuration asks for.

    Raises:
        ValueError: as `plane_fields`; or a modality cannot name a module.
    """
    if dotted := [modality for modality in scans.modalities if "." in modality]:
        raise ValueError(
            f"cohort.modalities: {', '.join(dotted)} names the parameters of an encoder and must have no '.' in it; "
            f"these would do: {', '.join(modality.replace('.', '_') for modality in dotted)}"
        )
    unified = settings["unified"]
    return URNPlan(
        **plane_fields(settings, scans),
        channels=unified["channels"],
        decoder_channels=unified["decoder_channels"],
        fusion=unified["fusion"],
    )
