"""Opens a prepared study for a trial in any process: its subjects, the plan of its network, its judge."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from models import Plan
from study.cohort.records import Splits
from study.config import Config, Imputation
from study.errors import ConfigError
from study.imaging.entries import EntryRecipe, entry_folder
from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared
from study.machine.runtime import Runtime
from study.records import PreparedStudy, StudyFolder
from study.streaming.making import BrainRecipe
from study.streaming.stream import Stream
from study.streaming.turns import Turns
from study.workflow.networks import plan_prepared
from study.workflow.protocol import imaging_protocol

if TYPE_CHECKING:
    from study.evaluation.cross_center import Judge


@dataclass(frozen=True)
class StudyData:
    """The data of a trial; arrays are memory-mapped and shared through the page cache.

    Attributes:
        config: of the trial.
        splits: subject keys by use.
        plan: of the trial's network.
        prepared: the record of the study's preparation.
        subjects: prepared subjects by key.
        stream: fresh brains that take the places of training subjects; None where there are none.
    """

    config: Config
    splits: Splits
    plan: Plan
    prepared: PreparedStudy
    subjects: Mapping[str, Prepared]
    stream: Stream | None = None

    def of(self, keys: Sequence[str]) -> list[Prepared]:
        """The subjects with these keys, in this order."""
        return [self.subjects[key] for key in keys]

    def judge(self, runtime: Runtime) -> Judge:
        """The judge, which runs the trial's network on subjects and scores it."""
        from study.evaluation.cross_center import Judge

        config = self.config
        droppable = config.modality_dropout.droppable
        return Judge(config.cohort.modalities, droppable, config.evaluation, self.plan.patch_size, runtime)


def open_study(folder: StudyFolder, config: Config) -> StudyData:
    """Open what `prepare_study` wrote, for a trial in any process of this machine.

    Args:
        folder: of the study.
        config: of the trial. An independent model (`Config.narrowed`) gets only its own modalities, and only the
            subjects that have all of them.

    Raises:
        ConfigError: the network does not fit the cohort, or too few subjects have the model's modalities.
        CohortError: a subject is not in the cache.
        StudyError: the study has not been prepared.
    """
    prepared = folder.prepared.read()
    splits = prepared.splits
    subjects = {
        one.facts.key: open_prepared(entry_folder(config.cache_root, one.address or ""), one.facts)
        for one in prepared.used
    }
    study = folder.config.read()
    if config.model.inputs is not None:
        subjects = {
            key: _narrowed(subject, study, config)
            for key, subject in subjects.items()
            if all(subject.present[place] for place in _places(study, config))
        }
        gone = set(splits.used) - set(subjects)
        splits = without(splits, gone, f"model.inputs: {config.model.inputs}")
    plan = plan_prepared(config, prepared)
    seen = {key: as_seen(subject, plan, config.imputation) for key, subject in subjects.items()}
    stream = _stream(study, config, prepared, plan) if prepared.slots else None
    return StudyData(config, splits, plan, prepared, seen, stream)


def _stream(study: Config, config: Config, prepared: PreparedStudy, plan: Plan) -> Stream:
    """The fresh brains of a trial: made as the study's subjects are, and seen as the trial's are."""
    protocol, phantom = imaging_protocol(study), config.cohort.phantom
    entries = EntryRecipe(config.cache_root, protocol, prepared.spacing_mm, prepared.landmarks, None)
    return Stream(
        Turns(prepared.slots, phantom.stream_every),
        BrainRecipe.of(study.cohort, entries),
        partial(_fresh_as_seen, study=study, config=config, plan=plan),
        phantom.stream_processes,
    )


def _fresh_as_seen(subject: Prepared, *, study: Config, config: Config, plan: Plan) -> Prepared:
    own = subject if config.model.inputs is None else _narrowed(subject, study, config)
    return as_seen(own, plan, config.imputation)


def as_seen(subject: Prepared, plan: Plan, imputation: Imputation) -> Prepared:
    """A subject as the network sees it.

    All modalities lie on one grid, unless it takes each on its own slices; images are computed only if the trial does.
    """
    own = subject.own if plan.sees_stacks else None
    return replace(subject, own=own, computed=subject.computed if imputation.kind == "physics" else None)


def without(splits: Splits, gone: Collection[str], reason: str) -> Splits:
    """The splits without some subjects.

    Raises:
        ConfigError: no subject is left to train or to validate on; the text begins with the reason.
    """
    kept = Splits(
        *(
            tuple(key for key in keys if key not in gone)
            for keys in (splits.train, splits.validation, splits.test, splits.unseen, splits.control)
        )
    )
    if not (kept.train and kept.validation):
        raise ConfigError([f"{reason}: too few subjects are left, none to train or to validate on"])
    return kept


def _places(study: Config, config: Config) -> list[int]:
    """Where the inputs of an independent model are among the modalities of its study."""
    return [study.cohort.modalities.index(name) for name in config.cohort.modalities]


def _narrowed(subject: Prepared, study: Config, config: Config) -> Prepared:
    """A subject reduced to the inputs of an independent model; its other modalities are withheld."""
    present = zip(study.cohort.modalities, subject.present, strict=True)
    withheld = tuple(name for name, there in present if there and name not in config.cohort.modalities)
    return replace(subject.select(_places(study, config)), facts=replace(subject.facts, withheld=withheld))
