"""The full configuration, and how it is made from nested content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from models import find_model
from study.config import checks
from study.config.channels import check_channels, computable
from study.config.cohort import CohortConfig
from study.config.ensemble import Ensemble
from study.config.evaluation import Evaluation
from study.config.imaging import Imaging
from study.config.lesion import Lesion
from study.config.modalities import split_modalities
from study.config.modality_dropout import ModalityDropout
from study.config.model import Model
from study.config.objective import Objective
from study.config.own_settings import OWN, chooser_of
from study.config.postprocessing import Postprocessing
from study.config.schedule import Schedule
from study.config.section import Section
from study.config.study import Study
from study.config.technique import Cotraining, Distillation, Filler, Head, Imputation, Ranking, Transfer
from study.config.tracking import Tracking
from study.config.trainer import Trainer
from study.config.tuning import Tuning
from study.config.validation import keys_of, validate_section
from study.config.values import with_values


def _address(value: str) -> str:
    """local, auto, or host:port."""
    host, _, port = value.rpartition(":")
    if value in ("local", "auto") or (host and "/" not in host and port.isdecimal() and int(port) <= 65535):
        return value
    raise ValueError(
        "must be local, auto (on a machine of a cluster, or within `ray job submit`), "
        f"or the address host:port of a cluster's head, got {value!r}"
    )


class Config(Section):
    """The full configuration."""

    study: Study
    objective: Objective = Field(default_factory=Objective)
    cohort: CohortConfig = Field(default_factory=CohortConfig)
    imaging: Imaging = Field(default_factory=Imaging)
    lesion: Lesion = Field(default_factory=Lesion)
    imputation: Imputation = Field(default_factory=Imputation)
    modality_dropout: ModalityDropout = Field(default_factory=ModalityDropout)
    schedule: Schedule = Field(default_factory=Schedule)
    model: Model = Field(default_factory=Model)
    head: Head = Field(default_factory=Head)
    filler: Filler = Field(default_factory=Filler)
    cotraining: Cotraining = Field(default_factory=Cotraining)
    distillation: Distillation = Field(default_factory=Distillation)
    ranking: Ranking = Field(default_factory=Ranking)
    transfer: Transfer = Field(default_factory=Transfer)
    trainer: Trainer = Field(default_factory=Trainer)
    postprocessing: Postprocessing = Field(default_factory=Postprocessing)
    ensemble: Ensemble = Field(default_factory=Ensemble)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    tuning: Tuning = Field(default_factory=Tuning)
    tracking: Tracking = Field(default_factory=Tracking)
    search_space: dict[str, Any] = Field(
        default_factory=dict, description="what is searched, nested like the configuration"
    )
    cluster: Annotated[str, AfterValidator(_address)] = Field(
        "local",
        description="local: this machine; auto: the Ray cluster that it belongs to; host:port: that of this head",
    )
    resume: bool = Field(False, description="continue an interrupted study")
    dry_run: bool = Field(False, description="print the plan and its cost, and end")
    debug: bool = Field(False, description="show the traceback of an error")

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        checks.check_droppable(self.modality_dropout, self.cohort)
        checks.check_imaging(self.imaging, self.cohort)
        checks.check_imputation(self.imputation, self.model, self.cohort)
        check_channels(self.imaging, self.imputation, self.model, self.cohort)
        checks.check_pseudonym_key(self.cohort, self.study)
        checks.check_pairs(self.trainer)
        checks.check_criterion(self.trainer, self.model, self.in_pairs)
        checks.check_pairing(self.in_pairs, self.model, self.modality_dropout)
        checks.check_subset_sampling(self.model, self.modality_dropout)
        checks.check_lesion(self.lesion, self.cohort)
        checks.check_fewest_modalities(self.inputs, self.model, self.modality_dropout)
        checks.check_inputs(self.model, self.cohort)
        checks.check_mirror(self.evaluation, self.model)
        checks.check_images(self.postprocessing, self.model, self.cohort)
        checks.check_rule(self.model, self.imaging, self.trainer, self._learning)
        checks.check_leaks(self.objective, self.cohort)
        checks.check_stream(self.cohort, self.lesion_source)
        return self

    @property
    def lesion_source(self) -> Literal["none", "file", "model"]:
        """Where lesions come from; none where they are what is segmented."""
        return self.lesion.source if self.cohort.target == "thrombus" else "none"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The modalities that the network is built for, in the cohort's order."""
        return self.cohort.modalities if self.model.inputs is None else split_modalities(self.model.inputs)

    @property
    def channels(self) -> tuple[str, ...]:
        """The computed channels that the network is built for, behind its modalities: those that these suffice for."""
        return computable(self.imaging.channels, self.inputs)

    @property
    def pretraining_epochs(self) -> int:
        """Epochs of the first of a trial's two trainings; 0 where there is one."""
        needed, chosen = find_model(self.model.name).criterion, self.trainer.criterion
        unified = needed == "unified" and (self.in_pairs or chosen in (None, needed))
        return self.model.unified.pretraining_epochs if unified else 0

    @property
    def imputes(self) -> bool:
        """Whether images are computed in the place of modalities for some trial."""
        searched = self.search_space.get("imputation")
        kind = searched.get("kind") if isinstance(searched, Mapping) else None
        kinds = kind.get("choices", ()) if isinstance(kind, Mapping) else (kind,)
        return "physics" in (self.imputation.kind, *kinds)

    @property
    def in_pairs(self) -> bool:
        """Whether the full and the reduced image of a subject are trained on together."""
        return self.cotraining.enabled or self.distillation.enabled or self.ranking.enabled

    @property
    def _learning(self) -> list[str]:
        """The techniques in use that a network must learn with, by their sections."""
        used = {
            "cotraining": self.cotraining.enabled,
            "distillation": self.distillation.enabled,
            "ranking": self.ranking.enabled,
            "head": self.head.kind != "none",
            "filler": self.filler.kind != "none",
        }
        return [name for name, there in used.items() if there]

    @property
    def cache_root(self) -> Path:
        """The folder of prepared subjects, which studies share."""
        return self.imaging.cache or self.study.root / "cache"

    @property
    def phantom_root(self) -> Path:
        """The folder that simulated cohorts are written to."""
        return self.cohort.phantom.root or self.study.root / "phantoms"

    def narrowed(self) -> Config:
        """The configuration of an independent model (`model.inputs`): as if there were only its own modalities."""
        if self.model.inputs is None:
            return self
        inputs, aliases = self.inputs, self.cohort.modality_aliases
        return self.with_values(
            {
                "cohort.modalities": inputs,
                "cohort.modality_aliases": {
                    name: others for name, others in aliases.items() if name in inputs
                },
                "imaging.reference": self.imaging.reference if self.imaging.reference in inputs else None,
                "imaging.channels": self.channels,
                "imaging.own_slices": tuple(name for name in self.imaging.own_slices if name in inputs),
                "modality_dropout.droppable": (),
                "modality_dropout.keep_at_least": 1,
                "evaluation.subsets": "droppable",
            }
        )

    def with_values(self, values: Mapping[str, Any]) -> Config:
        """A copy in which each dotted path has its new value; raises ConfigError like `validate`.

        Where another part is chosen, it begins with its own default settings, not with those of the part before.
        """
        if not values:
            return self
        content = self.model_dump(mode="json")
        for path, value in values.items():
            name, _, key = path.partition(".")
            if (
                name in content  # else the validation complains
                and key
                and key == chooser_of(Config.model_fields[name].annotation)
                and value != content[name][key]
            ):
                content[name]["settings"] = {}
        return validate(with_values(content, values))


def validate(content: Mapping[str, Any]) -> Config:
    """The frozen configuration that nested content makes.

    Raises:
        ConfigError: lists every mistake with its path and the legal values.
    """
    return validate_section(Config, content)


def legal_keys(path: str = "") -> tuple[str, ...]:
    """The keys of the section at a dotted path ('' is the top), as users may write them; none for a setting."""
    return keys_of(Config, path)


def is_setting(path: str) -> bool:
    """Whether a dotted path names a setting and no section; an own setting of a part counts, whichever is chosen."""
    section, inside, _ = path.partition(f".{OWN}.")
    if inside:
        return OWN in legal_keys(section)
    parent, _, name = path.rpartition(".")
    return name != OWN and name in legal_keys(parent) and not legal_keys(path)


def is_own(path: str) -> bool:
    """Whether a dotted path is that of a part's own settings, or below it."""
    section, inside, _ = f"{path}.".partition(f".{OWN}.")
    return bool(inside) and OWN in legal_keys(section)
