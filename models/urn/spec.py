"""What others must know of the unified representation network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.parts.plane_planning import largest_plane
from models.spec import BenchmarkInput, ModelSpec, PublishedCost
from models.urn.plan import URNPlan, plan_urn

if TYPE_CHECKING:
    from torch import nn


def _build(plan: URNPlan) -> nn.Module:
    from models.urn.network import URN

    return URN(plan)


SPEC = ModelSpec(
    plan=plan_urn,
    plan_type=URNPlan,
    build=_build,
    cost=PublishedCost(2.3e6, 4.9e6, base_channels=32),
    # BRATS; Lau 2019, section 3.1
    benchmark=BenchmarkInput((1, 240, 240), ("FLAIR", "T1", "T1c", "T2"), (1.0, 1.0, 1.0)),
    largest_patch=largest_plane,
    fewest_modalities=2,  # its variance term compares encoders (Lau 2019, section 2.3.2)
    criterion="unified",
    synthesises=True,
    takes_channels=False,  # each modality has an encoder, and a decoder that synthesises it
    takes_filler=False,  # those of modalities that are not given are not asked
)
