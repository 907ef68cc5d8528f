"""From a finished trial to a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from models import Plan
from study.composition import trial_config
from study.config import Config
from study.deployment.bundle import Contents, build_network, write_bundle
from study.deployment.card import model_card
from study.deployment.manifest import Inference, Manifest, Preparation
from study.preparation import plan_network
from study.results import StudyFolder, complete_trial, find_winner, read_json, read_rows

PACKAGES = ("torch", "numpy", "scipy", "nibabel", "safetensors")


def export_bundle(folder: StudyFolder, out: Path, trial: int | None = None) -> int:
    """Write the bundle of a trial, of the winner if none is named; returns the trial's number.

    Raises StudyError if the trial is not complete or `out` exists, BundleError if weights and plan differ.
    """
    contents = trial_contents(folder, trial)
    build_network(contents)
    write_bundle(out, contents.manifest, contents.weights, contents.card)
    return contents.manifest.trial


def trial_contents(folder: StudyFolder, trial: int | None = None) -> Contents:
    """What the bundle of a trial holds, of the winner if none is named.

    Raises StudyError if the trial is not complete.
    """
    number = find_winner(folder).number if trial is None else trial
    chosen = complete_trial(folder, number)
    result = chosen.read_result() or {}
    config = trial_config(folder, chosen)
    plan = read_json(folder.plan)
    network = plan_network(config, tuple(plan["median_shape"]), tuple(plan["spacing_mm"]))
    manifest = _manifest(config, plan, network, number, result)
    searched_again = bool(result.get("applied"))
    rows = read_rows(chosen.rows)
    card = model_card(manifest, config, rows, _subjects(folder, plan), searched_again=searched_again)
    return Contents(manifest, chosen.weights.read_bytes(), card, f"trial {number}")


def _manifest(
    config: Config, plan: Mapping[str, Any], network: Plan, number: int, result: Mapping[str, Any]
) -> Manifest:
    return Manifest(
        study=config.study.name,
        trial=number,
        target=config.cohort.target,
        modalities=config.cohort.modalities,
        modality_aliases=config.cohort.modality_aliases,
        droppable=config.modality_dropout.droppable,
        drop_probability=config.modality_dropout.drop_probability,
        model=config.model.name,
        network=network.to_dict(),
        head=config.head.init if config.head.kind == "dynamic" else None,
        preparation=Preparation(
            spacing_mm=plan["spacing_mm"],
            reference=config.imaging.reference,
            registration=config.imaging.registration,
            normalisation=config.imaging.normalisation,
            crop_margin_mm=config.imaging.crop_margin_mm,
            in_plane_crop=config.imaging.in_plane_crop,
            own_slices=config.imaging.own_slices if network.takes_own_slices else (),
            landmarks=plan.get("landmarks") or {},
        ),
        inference=Inference(
            overlap=config.evaluation.overlap,
            blending=config.evaluation.blending,
            windows_per_batch=config.evaluation.windows_per_batch,
            precision=config.trainer.precision,
        ),
        postprocessing=result["postprocessing"],
        versions={name: metadata.version(name) for name in PACKAGES},
        files={},
    )


def _subjects(folder: StudyFolder, plan: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """Per use, subjects by center."""
    splits, centers = read_json(folder.splits), plan.get("centers", {})
    uses = ("train", "validation", "test", "unseen", "control")
    return {use: Counter(centers.get(key, "unknown") for key in splits.get(use, [])) for use in uses}
