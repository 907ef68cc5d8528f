"""Judges a trained network: kept probabilities, post-processing, test rows, overlays, synthesis."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from models import Synthesiser, find_model
from study.cohort.availability import Availability
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge, Predicted
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase, keep
from study.evaluation.rows import ResultRow
from study.evaluation.steps.context import given_images
from study.evaluation.synthesis import SynthesisScore, synthesis_scores
from study.imaging.prepared import Prepared
from study.machine.stopwatch import Stopwatch
from study.records import TrialFolder
from study.records.overlays import Overlay
from study.records.results import Goals, SynthesisMean
from study.workflow.examples import ExamplePicker
from study.workflow.opening import StudyData
from study.workflow.postprocessing import fit_postprocessing, images_to_keep


class Judged(NamedTuple):
    """What is found out about a trained network besides the files that its trial keeps.

    Attributes:
        synthesis: how well it synthesises modalities; empty for networks that do not.
        goals: what it reaches in each goal, after so many seconds of training.
    """

    synthesis: tuple[SynthesisMean, ...]
    goals: Goals


class Scored(NamedTuple):
    """Subjects that are scored together.

    Attributes:
        split: test, or control for control scans.
        seen: whether their centers took part in training.
        subjects: in the order of the rows.
    """

    split: Literal["test", "control"]
    seen: bool
    subjects: Sequence[Prepared]


def judge_trial(
    folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module, train_s: float
) -> Judged:
    """Judge a trained network; writes its weights, kept probabilities, fit, rows and overlays to the trial's folder.

    The post-processing is fitted on validation subjects; test subjects are scored once, after all choices are made.

    Args:
        folder: of the trial.
        data: the prepared study.
        judge: predicts and scores.
        network: in evaluation mode.
        train_s: seconds of the iterations that it was trained with.
    """
    kept, clock = list[KeptCase](), Stopwatch()
    folder.forget_kept()
    predictions = clock.timed(judge.predictions(network, data.of(data.splits.validation)))
    for case in keep_cases(predictions, images_to_keep(data.config)):
        folder.kept.write(case)
        kept.append(case)
    predict_s = clock.seconds / max(len(kept), 1)  # of one case, the mean
    fit = fit_postprocessing(kept, data.config)
    folder.fits.own.write(fit)
    rows = _test(folder, data, judge, network, fit.best)
    folder.weights.save(network.state_dict())
    folder.rows.write(rows)
    goals = Goals(**fit.parts._asdict(), train_s=train_s, predict_s=predict_s)
    return Judged(_synthesis(data, judge, network), goals)


def to_score(data: StudyData, unseen: Collection[str]) -> list[Scored]:
    """The test subjects of a study in the order of its rows: seen centers, unseen centers, then control scans."""
    controls: dict[bool, list[Prepared]] = {True: [], False: []}  # by whether the center is seen
    for prepared in data.of(data.splits.control):
        controls[prepared.facts.center not in unseen].append(prepared)
    return [
        Scored("test", True, data.of(data.splits.test)),
        Scored("test", False, data.of(data.splits.unseen)),
        Scored("control", True, controls[True]),
        Scored("control", False, controls[False]),
    ]


def keep_cases(predictions: Iterable[Predicted], wanted: Collection[str]) -> Iterator[KeptCase]:
    """What post-processing is searched on: probabilities on the grids of the references.

    Args:
        predictions: of subjects with a reference, one subject after the other.
        wanted: modalities whose images are kept beside the probabilities.
    """
    key, images = (
        "",
        dict[str, ImageValues](),
    )  # by modality, of one subject after the other, shared by its subsets
    reference = np.zeros(0, np.bool_)  # likewise
    for prepared, availability, probability in predictions:
        if prepared.key != key:
            key, images, reference = prepared.key, {}, np.asarray(prepared.native_target, np.bool_)
        given = given_images(prepared, availability, wanted, tuple(images.values()))
        images |= {image.modality: image for image in given}
        yield keep(
            prepared.to_native(probability),
            reference,
            key=key,
            center=prepared.facts.center,
            availability=availability,
            spacing_mm=prepared.native.spacing_mm,
            lesion=prepared.lesion,
            images=given,
        )


def _test(
    folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module, chains: Chains
) -> list[ResultRow]:
    """Score test subjects and control scans once; no choice depends on these rows."""
    rows: list[ResultRow] = []
    pictures: dict[str, tuple[int, Overlay]] = {}  # by center: size of the reference, and the overlay
    examples = ExamplePicker()
    for split, seen, subjects in to_score(data, data.config.cohort.unseen):
        for prepared, availability, probability in judge.predictions(network, subjects):
            native = prepared.to_native(probability)
            rows.append(judge.row(folder.number, split, seen, prepared, availability, native, chains))
            if split != "test":
                continue
            mask = judge.mask(prepared, availability, native, chains)
            examples.add(prepared, rows[-1], mask)
            center, size = prepared.facts.center, len(prepared.foreground)
            if not availability.removed and not (center in pictures and pictures[center][0] >= size):
                pictures[center] = size, _overlay(prepared, availability, prepared.from_native(mask))
    folder.overlays.write([picture for _, picture in pictures.values()])
    folder.examples.write(examples.picked())
    return rows


def _overlay(prepared: Prepared, availability: Availability, mask: NDArray[np.bool_]) -> Overlay:
    """The slice with the largest area of the reference."""
    target = np.asarray(prepared.target)
    at = int(np.argmax(target.sum((1, 2)))) if target.any() else target.shape[0] // 2
    return Overlay(
        center=prepared.facts.center,
        given=availability.given_text,
        modalities=availability.modalities,
        image=np.asarray(prepared.image[:, at], np.float16),
        reference=target[at].astype(bool),
        prediction=mask[at],
    )


def _synthesis(data: StudyData, judge: Judge, network: nn.Module) -> tuple[SynthesisMean, ...]:
    """How well each modality is synthesised on test subjects, by center and subset; empty without synthesis."""
    if not find_model(data.config.model.name).synthesises:
        return ()
    synthesiser = cast(Synthesiser, network)
    groups: dict[tuple[str, str, str], list[SynthesisScore]] = {}
    for prepared in data.of((*data.splits.test, *data.splits.unseen)):
        for one in synthesis_scores(synthesiser, prepared.image, judge.subsets(prepared), judge.runtime):
            if not math.isnan(one.ssim):
                place = (prepared.facts.center, one.availability.given_text, one.modality)
                groups.setdefault(place, []).append(one)
    return tuple(_mean(*place, groups[place]) for place in sorted(groups))


def _mean(center: str, given: str, modality: str, scores: Sequence[SynthesisScore]) -> SynthesisMean:
    """The means of some scores, N ≥ 1; an infinite PSNR, of an exact synthesis, is left out."""
    ratios = [one.psnr_db for one in scores if math.isfinite(one.psnr_db)]
    return SynthesisMean(
        center=center,
        given=given,
        modality=modality,
        psnr_db=float(np.mean(ratios)) if ratios else math.nan,
        ssim=float(np.mean([one.ssim for one in scores])),
        subjects=len(scores),
    )
