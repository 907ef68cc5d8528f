"""Section `cohort.splits`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.config.section import LocalPath, Section, Seed


class SplitsConfig(Section):
    """Who is trained, validated and tested on: by patient, stratified by center, seeded."""

    kind: Literal["fractions", "folds", "fixed"] = Field(
        "fractions", description="drawn by fractions, one of several folds, or read from a file"
    )
    validation: Annotated[float, Field(gt=0, lt=1)] = Field(0.2, description="fraction, for kind=fractions")
    test: Annotated[float, Field(ge=0, lt=1)] = Field(0.2, description="fraction, for kind=fractions")
    folds: Annotated[int, Field(ge=2)] = Field(5, description="number of folds, for kind=folds")
    fold: Annotated[int, Field(ge=0)] = Field(
        0,
        description="from 0; for kind=folds: the one to test on, the next one validates; for nnU-Net's "
        "splits_final.json: the one that is read",
    )
    path: LocalPath | None = Field(
        None,
        description="for kind=fixed: JSON with lists train, validation, test of subject ids, or nnU-Net's "
        "splits_final.json",
    )
    seed: Seed = Field(0, description="of the draw")

    @model_validator(mode="after")
    def _consistent(self) -> SplitsConfig:
        if self.kind == "fractions" and self.validation + self.test >= 1:
            raise ValueError("validation + test must leave something to train on (below 1)")
        if self.kind == "folds" and self.fold >= self.folds:
            raise ValueError(f"fold must be below folds={self.folds}, got {self.fold}")
        if self.kind == "fixed" and self.path is None:
            raise ValueError("kind=fixed needs splits.path")
        return self
