"""Section `modality_dropout`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from study.config.known import known
from study.config.own_settings import SettingsOf
from study.config.parts import part_settings
from study.config.section import Count, Fraction, Names, Positive, Section


class ModalityDropout(Section):
    """Which modalities are faded out in training, how often, and by which rule (METHODS in docs)."""

    policy: Annotated[str, known("policies")] = Field("bernoulli", description="how the dropped are drawn")
    droppable: Names = Field(("B0",), description="modalities that may be dropped")
    drop_probability: Fraction = Field(
        0.5, description="q, of policy=bernoulli; the papers' tables list it as 1-p"
    )
    draw: Literal["per_modality", "jointly"] = Field(
        "per_modality", description="of policy=bernoulli: each modality on its own, or all together"
    )
    noise_std: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.01, description="of the number added to a dropped modality's factor"
    )
    theta: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="θ, of policy=truncated_geometric")
    keep_at_least: Count = Field(1, description="modalities that are never dropped together")
    subset_sampling: Literal["policy", "by_loss"] = Field(
        "policy", description="by_loss: of what the policy draws, subsets that lose more are taken more often"
    )
    subset_rate: Positive = Field(
        1.0, description="of subset_sampling=by_loss: how strongly a higher loss raises a subset's chance"
    )
    subset_floor: Fraction = Field(
        0.2,
        description="of subset_sampling=by_loss: share of samples whose subset the policy alone decides on",
    )
    settings: Annotated[Any, SettingsOf("policy", partial(part_settings, "policies"))] = Field(
        {}, description="own settings of a policy of an installed package"
    )
