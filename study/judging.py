"""What becomes of a trained network: kept probabilities, post-processing, test rows, pictures, scores."""

from __future__ import annotations

import math
import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from study.config import Config
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.evaluation.kept import KeptCase, keep, write_kept
from study.evaluation.search import search_postprocessing
from study.evaluation.synthesis import synthesis_psnr
from study.imaging.prepared import Prepared
from study.preparation import StudyData
from study.results import Row, TrialFolder, atomic, write_json, write_rows
from study.weights import save_weights


class Scored(NamedTuple):
    """Subjects that are scored together."""

    split: Literal["test", "control"]
    seen: bool  # whether their centers are
    subjects: Sequence[Prepared]


def judge_trial(
    config: Config, folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module
) -> dict[str, Any]:
    """Judge a trained network and leave its weights, kept probabilities, rows and pictures in the trial's folder.

    The post-processing is fitted on validation subjects; test subjects are scored once, after every choice.

    Returns:
        The trial's part of result.json.
    """
    kept = _keep_validation(folder, data, judge, network)
    fit = search_postprocessing(kept, config)
    write_json(folder.postprocessing, fit.to_dict())
    rows = _test(folder, data, judge, network, fit.best)
    save_weights(folder.weights, network)
    write_rows(folder.rows, rows)
    return {
        "state": "complete",
        "value": fit.value,
        "postprocessing": fit.best.model_dump(),
        "crossfit": fit.without_curves(),
        "scores": _scores(rows) | _synthesis_scores(data, judge, network),
    }


def _keep_validation(
    folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module
) -> list[KeptCase]:
    """Predict validation subjects, on their own grids, and keep the probabilities."""
    shutil.rmtree(folder.probabilities, ignore_errors=True)
    kept = []
    references: dict[str, NDArray[np.bool_]] = {}  # one for all subsets of a subject
    for prepared, subset, probability in judge.predictions(network, data.prepared(data.splits.validation)):
        case = keep(
            prepared.to_native(probability),
            references.setdefault(prepared.key, np.asarray(prepared.native_target, np.bool_)),
            key=prepared.key,
            center=data.centers[prepared.key],
            subset=subset.name,
            removed=subset.removed,
            spacing_mm=prepared.native.spacing_mm,
            lesion=prepared.lesion,
        )
        write_kept(folder.probabilities / f"{prepared.key}_{subset.name}.npz", case)
        kept.append(case)
    return kept


def _test(
    folder: TrialFolder, data: StudyData, judge: Judge, network: nn.Module, chains: Chains
) -> list[Row]:
    """Score test subjects and control scans once; nothing is chosen by these rows."""
    rows: list[Row] = []
    pictures: dict[str, tuple[Prepared, str, Any]] = {}
    for split, seen, subjects in to_score(data, judge.config.cohort.unseen):
        for prepared, subset, probability in judge.predictions(network, subjects):
            native = prepared.to_native(probability)
            rows.append(judge.row(folder.number, split, seen, prepared, subset, native, chains))
            center = data.centers[prepared.key]
            if split == "test" and not subset.removed and _shows_more(prepared, pictures.get(center)):
                mask = judge.mask(prepared, subset, native, chains)
                pictures[center] = (prepared, subset.name, prepared.from_native(mask))
    _write_overlays(folder, judge.config.cohort.modalities, pictures)
    return rows


def to_score(data: StudyData, unseen: Collection[str]) -> list[Scored]:
    """Who of a study is tested, in the order of its rows: at seen centers, at unseen ones, and control scans apart."""
    controls: dict[bool, list[Prepared]] = {True: [], False: []}  # by whether the center is seen
    for prepared in data.prepared(data.splits.control):
        controls[data.centers[prepared.key] not in unseen].append(prepared)
    return [
        Scored("test", True, data.prepared(data.splits.test)),
        Scored("test", False, data.prepared(data.splits.unseen)),
        Scored("control", True, controls[True]),
        Scored("control", False, controls[False]),
    ]


def _shows_more(prepared: Prepared, other: tuple[Prepared, str, Any] | None) -> bool:
    """True for the subject with the larger reference: one picture per center, of a lesion that can be seen."""
    return other is None or len(prepared.foreground) > len(other[0].foreground)


def _write_overlays(
    folder: TrialFolder, modalities: Sequence[str], pictures: Mapping[str, tuple[Prepared, str, Any]]
) -> None:
    arrays: dict[str, Any] = {"modalities": np.array(modalities)}
    for center, (prepared, subset, mask) in pictures.items():
        target = np.asarray(prepared.target)
        at = int(np.argmax(target.sum((1, 2)))) if target.any() else target.shape[0] // 2
        arrays[f"{center}/image"] = np.asarray(prepared.image[:, at], np.float16)
        arrays[f"{center}/reference"] = target[at].astype(bool)
        arrays[f"{center}/prediction"] = mask[at]
        arrays[f"{center}/subset"] = np.array(subset)
    path = folder.path / "overlays.npz"
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _scores(rows: Sequence[Row]) -> dict[str, float]:
    """Mean Dice on test subjects by center and subset."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.split == "test":
            groups.setdefault(f"test_dice.{row.center}.{row.subset}", []).append(row.dice)
    means = {name: float(np.nanmean(values)) for name, values in groups.items() if not np.isnan(values).all()}
    return dict(sorted(means.items()))


def _synthesis_scores(data: StudyData, judge: Judge, network: nn.Module) -> dict[str, float]:
    """Mean PSNR in dB of each synthesised modality on test subjects, by center and subset; empty without synthesis."""
    from models.urn import URN

    if not isinstance(network, URN):
        return {}
    names = judge.config.cohort.modalities
    groups: dict[str, list[float]] = {}
    for prepared in data.prepared((*data.splits.test, *data.splits.unseen)):
        center = data.centers[prepared.key]
        subsets = judge.subsets(prepared)
        for row in synthesis_psnr(network, prepared.image, prepared.present, names, subsets, judge.device):
            if math.isfinite(row.psnr_db):
                groups.setdefault(f"test_psnr_db.{center}.{row.subset}.{row.modality}", []).append(
                    row.psnr_db
                )
    return {name: float(np.mean(values)) for name, values in sorted(groups.items())}
