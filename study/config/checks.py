"""What sections demand of each other. Every check raises ValueError that begins with the path to change."""

from __future__ import annotations

from collections.abc import Sequence

from models import MODELS, find_model
from study.config.cohort import CohortConfig
from study.config.evaluation import Evaluation
from study.config.imaging import Imaging
from study.config.lesion import Lesion
from study.config.modalities import join_modalities, split_modalities
from study.config.modality_dropout import ModalityDropout
from study.config.model import Model
from study.config.nearest import did_you_mean
from study.config.objective import Objective
from study.config.postprocessing import Postprocessing
from study.config.study import Study
from study.config.technique import Imputation
from study.config.trainer import Trainer


def check_droppable(dropout: ModalityDropout, cohort: CohortConfig) -> None:
    """What is dropped is a modality of the cohort, and some can be kept."""
    if unknown := sorted(set(dropout.droppable) - set(cohort.modalities)):
        raise ValueError(
            f"modality_dropout.droppable: {', '.join(unknown)} is not among "
            f"cohort.modalities ({', '.join(cohort.modalities)}){did_you_mean(unknown[0], cohort.modalities)}"
        )
    if dropout.keep_at_least > len(cohort.modalities):
        raise ValueError(
            f"modality_dropout.keep_at_least: must be at most the {len(cohort.modalities)} modalities, "
            f"got {dropout.keep_at_least}"
        )


def check_imaging(imaging: Imaging, cohort: CohortConfig) -> None:
    """The reference and the modalities in slices of their own are modalities of the cohort, and not the same."""
    own, modalities = imaging.own_slices, cohort.modalities
    if imaging.reference is not None and imaging.reference not in modalities:
        raise ValueError(
            f"imaging.reference: {imaging.reference} is not among cohort.modalities ({', '.join(modalities)})"
            f"{did_you_mean(imaging.reference, modalities)}"
        )
    if wrong := [name for name in own if name not in modalities or own.count(name) > 1]:
        raise ValueError(
            f"imaging.own_slices: must name modalities of the cohort, each once ({', '.join(modalities)}), "
            f"got {', '.join(own)}; take out {wrong[0]}"
        )
    if imaging.reference in own:
        raise ValueError(
            f"imaging.own_slices: {imaging.reference} is imaging.reference, whose slices are predicted "
            "on; take it out, or choose another reference"
        )


def check_imputation(imputation: Imputation, model: Model, cohort: CohortConfig) -> None:
    """What is computed, and what it is computed from, are inputs of one network for all subsets."""
    if imputation.kind == "none":
        return
    if absent := [name for name in ("DWI", "ADC", "B0") if name not in cohort.modalities]:
        raise ValueError(
            f"imputation.kind: physics computes one of DWI, ADC and B0 from the other two, and {', '.join(absent)} is "
            f"not among cohort.modalities ({', '.join(cohort.modalities)}); add it, or set imputation.kind=none"
        )
    if model.inputs is not None:
        raise ValueError(
            "model.inputs: an independent model learns from subjects that have all its modalities, so that nothing is "
            "computed for it; set imputation.kind=none"
        )


def check_pseudonym_key(cohort: CohortConfig, study: Study) -> None:
    """The key that tells who is who does not lie among the files that may be passed on."""
    if cohort.pseudonym_key is not None and cohort.pseudonym_key.is_relative_to(study.root):
        raise ValueError(
            f"cohort.pseudonym_key: {cohort.pseudonym_key} lies in study.root, whose folders may be passed on; "
            "choose a place outside of it"
        )


def check_pairs(trainer: Trainer) -> None:
    """Pairs fill a batch without remainder."""
    if trainer.sampling == "pairs" and trainer.batch_size % 2:
        raise ValueError(
            f"trainer.batch_size: must be even with trainer.sampling=pairs, got {trainer.batch_size}; "
            "set another one, or trainer.sampling=patches"
        )


def check_criterion(trainer: Trainer, model: Model, in_pairs: bool) -> None:
    """A criterion that belongs to a network or to techniques goes with these alone; any other one replaces it."""
    if trainer.criterion is None:
        return
    needed = find_model(model.name).criterion or "supervised"
    techniques = "cotraining.enabled=true, distillation.enabled=true or ranking.enabled=true"
    if in_pairs and trainer.criterion != "paired":
        raise ValueError(
            f"trainer.criterion: must be paired with {techniques}, got {trainer.criterion}; "
            "leave one of them out"
        )
    tied = {"supervised", "paired", *(spec.criterion for spec in MODELS.values())}
    if not in_pairs and trainer.criterion != needed and trainer.criterion in tied:
        hint = f"set {techniques}" if trainer.criterion == "paired" else "leave it out"
        raise ValueError(
            f"trainer.criterion: {model.name} is trained with {needed}, got {trainer.criterion}; {hint}"
        )


def check_pairing(in_pairs: bool, model: Model, dropout: ModalityDropout) -> None:
    """A full and a reduced image differ only where something is dropped."""
    if in_pairs and model.inputs is None and not dropout.droppable:
        raise ValueError(
            "modality_dropout.droppable: cotraining, distillation and ranking compare a subject with what is left of "
            "it when a modality is dropped, and none may be; name some, or disable them"
        )


def check_subset_sampling(model: Model, dropout: ModalityDropout) -> None:
    """Subsets can be drawn by their losses where there are several."""
    if dropout.subset_sampling == "by_loss" and model.inputs is None and not dropout.droppable:
        raise ValueError(
            "modality_dropout.subset_sampling: by_loss chooses among what may be dropped, and nothing may; name some "
            "in modality_dropout.droppable, or set modality_dropout.subset_sampling=policy"
        )


def check_lesion(lesion: Lesion, cohort: CohortConfig) -> None:
    """A model of lesions is named where one is used, and only there."""
    source, path = lesion.source, lesion.path
    if source == "model" and cohort.target == "lesion":
        raise ValueError(
            "lesion.source: model finds lesions for cohort.target=thrombus, and the target is lesion; "
            "leave lesion.source and lesion.path out"
        )
    if source == "model" and path is None:
        raise ValueError("lesion.path: lesion.source=model needs a study's folder or a bundle")
    if source != "model" and path is not None:
        raise ValueError(
            f"lesion.path: it is read with lesion.source=model only, and that is {source}; "
            "set it, or leave lesion.path out"
        )


def check_fewest_modalities(inputs: tuple[str, ...], model: Model, dropout: ModalityDropout) -> None:
    """The network can be trained on as few modalities as it may be given."""
    fewest = find_model(model.name).fewest_modalities
    if len(inputs) < fewest:
        raise ValueError(
            f"model.name: {model.name} needs {fewest} modalities at least, got {join_modalities(inputs)}; "
            "add to cohort.modalities, or choose another model"
        )
    if dropout.droppable and model.inputs is None and dropout.keep_at_least < fewest:
        raise ValueError(
            f"modality_dropout.keep_at_least: {model.name} cannot be trained on fewer than {fewest} modalities; "
            f"set it to {fewest}, got {dropout.keep_at_least}"
        )


def check_inputs(model: Model, cohort: CohortConfig) -> None:
    """An independent model is built for modalities of the cohort, in the cohort's order."""
    if model.inputs is None:
        return
    named = split_modalities(model.inputs)
    if named != tuple(name for name in cohort.modalities if name in named):
        raise ValueError(
            f"model.inputs: must be some of {join_modalities(cohort.modalities)}, in this order, joined by +, "
            f"got {model.inputs}"
        )


def check_mirror(evaluation: Evaluation, model: Model) -> None:
    """Slices are not reversed for a network that reads them in order."""
    if "head_foot" in evaluation.mirror and find_model(model.name).sees_stacks:
        raise ValueError(
            f"evaluation.mirror: {model.name} reads slices in their order, which head_foot reverses; leave it out"
        )


def check_images(postprocessing: Postprocessing, model: Model, cohort: CohortConfig) -> None:
    """Steps that read an image name a modality of the cohort; an independent model skips those that it lacks."""
    for step in ("intensity", "seeds") if model.inputs is None else ():
        modality = getattr(postprocessing, step).modality
        if step in postprocessing.steps and modality not in cohort.modalities:
            raise ValueError(
                f"postprocessing.{step}.modality: {modality} is not among cohort.modalities "
                f"({', '.join(cohort.modalities)}){did_you_mean(modality, cohort.modalities)}"
            )


def check_rule(model: Model, imaging: Imaging, trainer: Trainer, learning: Sequence[str]) -> None:
    """A network gets the intensities that it needs, and one that learns nothing has nobody and nothing to learn with.

    `learning` names the techniques in use that a network must learn with.
    """
    spec = find_model(model.name)
    if spec.normalisation not in (None, imaging.normalisation):
        raise ValueError(
            f"imaging.normalisation: {model.name} needs {spec.normalisation}, got {imaging.normalisation}; set it, or "
            "choose another model"
        )
    if spec.learns and not spec.takes_filler and "filler" in learning:
        raise ValueError(
            f"filler.kind: {model.name} reads nothing of modalities that are not given, so that nothing would read a "
            "filler; set filler.kind=none, or choose another model"
        )
    if spec.learns:
        return
    if trainer.workers > 1:
        raise ValueError(
            f"trainer.workers: {model.name} has nothing to train, so that several workers have nothing to share, "
            f"got {trainer.workers}; set it to 1"
        )
    if learning:
        raise ValueError(
            f"model.name: {model.name} has nothing to train, which {' and '.join(learning)} would need; leave that "
            "out, or choose another model"
        )


def check_leaks(objective: Objective, cohort: CohortConfig) -> None:
    """The objective reads no unseen center."""
    if leaked := sorted(set(objective.centers or ()) & set(cohort.unseen)):
        raise ValueError(
            f"objective.centers: {', '.join(leaked)} is unseen (cohort.unseen); "
            "the objective may read only validation subjects of seen centers"
        )


def check_stream(cohort: CohortConfig, lesion_source: str) -> None:
    """Fresh brains take the places of phantoms, and are prepared by processes that hold no network."""
    if not cohort.phantom.stream:
        return
    if "phantom" not in cohort.sources:
        raise ValueError(
            "cohort.phantom.stream: fresh brains take the places of phantoms, and there are none in "
            f"cohort.sources ({', '.join(cohort.sources)}); add phantom, or set cohort.phantom.stream=false"
        )
    if lesion_source == "model":
        raise ValueError(
            "cohort.phantom.stream: no network finds the lesions of fresh brains (lesion.source=model); phantoms have "
            "masks of their lesions: set lesion.source=file, or cohort.phantom.stream=false"
        )
