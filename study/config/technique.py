"""Sections of techniques: what each adds to the network and the training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from study.config.section import LocalPath, NotNegative, Positive, Section

Cells = Annotated[int, Field(ge=1, le=32)]


class Head(Section):
    """ModDrop+'s dynamic head: scales of the first convolution's filters (Liu 2022, section 2.2)."""

    kind: Literal["none", "dynamic"] = Field(
        "none", description="dynamic: filters depend on the modalities given"
    )
    code: Literal["binary", "gradual"] = Field(
        "binary", description="what a fading modality counts as: 1 until it is gone, or its g(t)"
    )
    init: Literal["identity", "paper"] = Field(
        "identity", description="the head begins as no head at all, or as in the paper"
    )


class Filler(Section):
    """What the network sees in the place of a modality that is not given; our own."""

    kind: Literal["none", "learned"] = Field(
        "none", description="learned: a learned value or map instead of 0"
    )
    cells: tuple[Cells, Cells, Cells] = Field(
        (1, 1, 1),
        description="of the map of each modality, over slices, rows and columns of the window; [1,1,1]: one value",
    )


class Cotraining(Section):
    """ModDrop++'s intra-subject co-training (Liu 2022, section 2.3)."""

    enabled: bool = Field(False, description="train on the full and the reduced image of each subject")
    full_weight: NotNegative = Field(1.0, description="α, of the loss of the full image")
    reduced_weight: NotNegative = Field(1.0, description="β, of the loss of the reduced image")
    similarity_weight: NotNegative = Field(
        0.05, description="γ, of the similarity of both images' features; 0.02 in the published code"
    )


class Imputation(Section):
    """What can be computed is not missing: any two of DWI, ADC and B0 give the third (Stejskal and Tanner 1965)."""

    kind: Literal["none", "physics"] = Field(
        "none", description="physics: one of DWI, ADC and B0 that is not given is computed from the other two"
    )
    b_value_s_mm2: Annotated[float, Field(ge=50, le=20_000)] = Field(
        1000.0, description="b, of the DWI, in s/mm²"
    )


class Distillation(Section):
    """The full input of a subject teaches the reduced one (after PASSION, arXiv:2407.14796)."""

    enabled: bool = Field(False, description="train the reduced image to be segmented as the full one is")
    weight: NotNegative = Field(
        1.0, description="of the Kullback-Leibler divergence from the full image's logits"
    )
    temperature: Positive = Field(
        4.0, description="T, which logits are divided by; 4 in PASSION's published code"
    )


class Ranking(Section):
    """More modalities must not do worse than fewer (after SimMLM, arXiv:2507.19264)."""

    enabled: bool = Field(
        False, description="punish a full image that is segmented worse than its reduced one"
    )
    weight: NotNegative = Field(1.0, description="of the ranking")
    margin: NotNegative = Field(0.0, description="by how much the full image's loss must be lower")
    gradient: Literal["full", "both"] = Field(
        "full",
        description="what it changes: the full image's loss, or the reduced image's, too, which it raises",
    )


class Transfer(Section):
    """Start from the weights of a finished study or of a bundle (Vargas-Ibarra, Table 7)."""

    source: LocalPath | None = Field(None, description="folder of a study, or a bundle; null: start anew")
    trial: Annotated[int, Field(ge=0)] | None = Field(None, description="of a study; null: its winner")
