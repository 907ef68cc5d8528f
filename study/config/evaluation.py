"""Section `evaluation`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from study.config.known import known
from study.config.mistakes import plain
from study.config.section import LIST_OF_ONE, Count, Section

Subsets = Literal["droppable", "all"]
Blending = Literal["gaussian_logits", "mean_probability"]
MirrorAxis = Literal["left_right", "front_back", "head_foot"]
Average = Literal["subjects", "centers"]


class Evaluation(Section):
    """How a trained network is judged."""

    subsets: Subsets = Field(
        "droppable",
        description="modalities that are given: all, and all but a droppable one in turn; or every non-empty subset",
    )
    metrics: tuple[Annotated[str, known("metrics")], ...] = Field(
        (), description="metrics of installed packages, a column of rows each, beside our own"
    )
    empty_dice: Literal["nan", "one"] = Field(
        "one", description="Dice where reference and prediction are empty"
    )
    tolerance_mm: Annotated[float, Field(gt=0)] = Field(
        2.0, description="distance up to which surfaces agree, in the normalised surface distance"
    )
    average: Average = Field(
        "subjects", description="what counts the same in the means of tables: every subject, or every center"
    )
    overlap: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="of neighbouring windows")
    blending: Blending = Field("gaussian_logits", description="of overlapping windows")
    mirror: Annotated[tuple[MirrorAxis, ...], LIST_OF_ONE] = Field(
        (),
        description="axes of the head along which images are mirrored at test time, in every combination; predictions "
        "are averaged. Each axis doubles the time of a prediction; nnU-Net mirrors along all three",
    )
    windows_per_batch: Count = Field(4, description="windows that are predicted at once")
    postprocessing_trials: Annotated[int, Field(ge=0)] = Field(
        200, description="settings that the search of the post-processing proposes; 0: keep the defaults"
    )
    postprocessing_sampler: Literal["tpe", "nsga2"] = Field(
        "tpe", description="how it proposes them, where it cannot try them all"
    )
    postprocessing_per_subset: bool = Field(
        False, description="settings of their own for subjects that lack a modality"
    )
    rule: bool = Field(
        True,
        description="judge the rule without training (model=threshold) beside the winner of a study that segments "
        "lesions on DWI or ADC",
    )
    bootstrap: Annotated[int, Field(ge=1, le=100_000)] = Field(
        2000, description="resamples of a bootstrap: other centers, and the gain of a post-processing"
    )

    @field_validator("mirror")
    @classmethod
    def _each_once(cls, mirror: tuple[MirrorAxis, ...]) -> tuple[MirrorAxis, ...]:
        if len(set(mirror)) < len(mirror):
            raise plain(f"must name each axis once, got {', '.join(mirror)}")
        return mirror
