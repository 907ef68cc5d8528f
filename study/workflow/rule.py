"""Judges the rule without training on the subjects of a study, so that its winner can be set beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models import Plan, Scans, find_model, plan_model
from study.commandline.progress import Say
from study.config import Config
from study.errors import FadeoutError
from study.records import PreparedStudy, StudyFolder
from study.records.rule import RuleResult

if TYPE_CHECKING:
    from study.imaging.prepared import Prepared

__all__ = ["judge_rule", "try_rule"]

NAME, TARGET = "threshold", "lesion"


def try_rule(config: Config, folder: StudyFolder, say: Say) -> None:
    """Judge the rule; the study is whole without."""
    try:
        judge_rule(config, folder)
    except FadeoutError as error:
        say(f"the rule without training could not be judged: {error}; evaluation.rule=false leaves it out")


def judge_rule(config: Config, folder: StudyFolder) -> None:
    """Fit the post-processing of the rule as that of a trial, then score the test subjects once.

    Nothing is done if that is there already, if the study does without (`evaluation.rule`), or if it is none for its
    scans: another target than lesions, or neither DWI nor ADC.

    Args:
        config: of the study.
        folder: of the study, which has been prepared.

    Raises:
        CacheError: a subject was prepared by a version that kept no units.
        StudyError: files of the study are damaged.
    """
    if not _is_wanted(config) or folder.rule.result.exists:
        return
    from study.evaluation.cross_center import Judge, Predicted
    from study.evaluation.rows import RULE
    from study.machine.runtime import Runtime
    from study.workflow.judging import keep_cases, to_score
    from study.workflow.opening import open_study
    from study.workflow.postprocessing import fit_postprocessing, images_to_keep

    began = time.perf_counter()
    data, plan = open_study(folder, config), _plan(config, folder.prepared.read())
    network = find_model(NAME).build(plan).eval()
    plain = config.evaluation.model_copy(update={"mirror": ()})
    droppable = config.modality_dropout.droppable
    judge = Judge(config.cohort.modalities, droppable, plain, plan.patch_size, Runtime.choose("cpu", "fp32"))

    def predictions(subjects: Sequence[Prepared]) -> Iterator[Predicted]:
        for one in subjects:
            for predicted in judge.predictions(network, [_in_units(one, judge.modalities)]):
                yield predicted._replace(prepared=one)

    kept = keep_cases(predictions(data.of(data.splits.validation)), images_to_keep(config))
    fit = fit_postprocessing(list(kept), config)
    rows = [
        judge.row(RULE, split, seen, one, availability, one.to_native(probability), fit.best)
        for split, seen, subjects in to_score(data, config.cohort.unseen)
        for one, availability, probability in predictions(subjects)
    ]
    folder.rule.fits.own.write(fit)
    folder.rule.rows.write(rows)
    rule, seconds = config.model.rule, time.perf_counter() - began
    folder.rule.result.write(
        RuleResult(contrast=rule.contrast, adc=rule.adc, value=fit.value, seconds=seconds)
    )


def _is_wanted(config: Config) -> bool:
    reads = set(find_model(NAME).reads or ())
    return (
        config.evaluation.rule
        and config.cohort.target == TARGET
        and config.model.name != NAME
        and bool(reads & set(config.cohort.modalities))
    )


def _plan(config: Config, prepared: PreparedStudy) -> Plan:
    """The rule at the study's spacing, with the limits of `model.rule`."""
    scans = Scans(config.cohort.modalities, prepared.median_shape, prepared.spacing_mm, 1)
    settings = config.model.model_dump() | {"patch_size": None}
    return plan_model(NAME, settings, scans)


def _in_units(subject: Prepared, modalities: Sequence[str]) -> Prepared:
    """A subject whose images have their units again, all on one grid, without computed ones."""
    from study.imaging.values import in_units

    image = np.array(subject.image)
    for channel, modality in enumerate(modalities):
        if subject.present[channel]:
            image[channel] = np.where(image[channel] != 0, in_units(subject, modality, channel), 0)
    return replace(subject, image=image, computed=None, channels=None, own=None)
