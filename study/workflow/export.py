"""Exports a finished trial as a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from analysis.method import Method
from models import Plan, plugin_package
from study.config import Config
from study.config.parts import part_package
from study.deployment.bundle import Contents, build_network, write_bundle
from study.deployment.card import model_card
from study.deployment.manifest import Inference, Manifest, Preparation
from study.deployment.subsets import Subset, known_subsets
from study.errors import ConfigError, StudyError
from study.evaluation.chains import Chains
from study.records import PreparedStudy, StudyFolder, TrialFolder, complete_trial, find_winner
from study.records.fits import OWN
from study.workflow.networks import additions, check_weights, plan_prepared
from study.workflow.subsets import trained_subsets

PACKAGES = ("torch", "numpy", "scipy", "nibabel", "safetensors")


def export_bundle(
    folder: StudyFolder, out: Path, trial: int | None = None, *, ensemble: bool | None = None
) -> str:
    """Write the bundle of a trial or of the ensemble; returns which it is, in words.

    Args:
        folder: of the study.
        out: folder or zip.
        trial: number; None selects the winner.
        ensemble: whether to write the ensemble; None writes it if no trial is named, and it is better than the winner
            on validation subjects.

    Raises:
        StudyError: the trial is not complete, there is no ensemble, or `out` exists.
        ConfigError: both a trial and the ensemble are asked for.
        BundleError: weights and plan differ.
    """
    if ensemble and trial is not None:
        raise ConfigError(["ensemble: it is no single trial; leave trial or ensemble out"])
    if ensemble is None and trial is None:
        result = folder.ensemble.result.read_if_there()
        ensemble = result is not None and result.better
    contents = ensemble_contents(folder) if ensemble else trial_contents(folder, trial)
    for place in range(len(contents.manifest.networks)):
        build_network(contents, place)
    write_bundle(out, contents.manifest, contents.weights, contents.card, contents.more)
    return contents.manifest.name


def trial_contents(folder: StudyFolder, trial: int | None = None) -> Contents:
    """The contents of the bundle of a trial, by default of the winner.

    Raises:
        StudyError: the trial is not complete, or a file of it is damaged.
    """
    number = find_winner(folder).number if trial is None else trial
    chosen = complete_trial(folder, number)
    config, prepared = folder.trial_config(chosen), folder.prepared.read()
    network = plan_prepared(config, prepared)
    check_weights(config, network, chosen)
    rows = chosen.rows.read()
    subsets = known_subsets(
        config.cohort.modalities,
        trained_subsets(config, prepared, chosen.training.epochs.read()),
        rows,
        Method.of(config.evaluation, config.study.seed),
    )
    manifest = _manifest(config, prepared, network, number, chosen.fits.chains, subsets)
    card = model_card(
        manifest,
        config.cohort,
        config.evaluation,
        rows,
        _subjects(prepared),
        seed=config.study.seed,
        searched_again=chosen.fits.applied != OWN,
    )
    return Contents(manifest, chosen.weights.read(), card, f"trial {number}")


def ensemble_contents(folder: StudyFolder) -> Contents:
    """The contents of the bundle of a study's ensemble.

    Raises:
        StudyError: there is none, a trial of it has no weights any more, or a file is damaged.
    """
    result = folder.ensemble.result.read_if_there()
    if result is None or result.value is None:
        again = "ensemble.members=5 resume=true makes one where several trials are better than one"
        raise StudyError(f"ensemble: {folder.path} has none; {again}, or export a trial")
    members = [(complete_trial(folder, member.trial), member.count) for member in result.members]
    parts = [trial_contents(folder, trial.number) for trial, _ in members]
    first, *others = (
        each.manifest.networks[0].model_copy(update={"count": count})
        for each, (_, count) in zip(parts, members, strict=True)
    )
    config, prepared = folder.trial_config(members[0][0]), folder.prepared.read()
    rows, chains = folder.ensemble.rows.read(), folder.ensemble.fits.chains
    method = Method.of(config.evaluation, config.study.seed)
    subsets = known_subsets(config.cohort.modalities, _trained(folder, members), rows, method)
    requires = {name: version for part in parts for name, version in part.manifest.requires.items()}
    manifest = parts[0].manifest.model_copy(
        update={
            "count": first.count,
            "others": tuple(others),
            "postprocessing": chains,
            "subsets": subsets,
            "requires": {**requires, **_requirements(first.model, chains, ())},
        }
    )
    card = model_card(
        manifest, config.cohort, config.evaluation, rows, _subjects(prepared), seed=config.study.seed
    )
    weights = [part.weights for part in parts]
    return Contents(manifest, weights[0], card, manifest.name, tuple(weights[1:]))


def _trained(
    folder: StudyFolder, members: Sequence[tuple[TrialFolder, int]]
) -> dict[tuple[str, ...], float] | None:
    """Shares of the training samples by what they showed, the mean over the members; None if one is unknown."""
    prepared, draws = folder.prepared.read(), sum(count for _, count in members)
    total: dict[tuple[str, ...], float] = {}
    for trial, count in members:
        shares = trained_subsets(folder.trial_config(trial), prepared, trial.training.epochs.read())
        if shares is None:
            return None
        for given, share in shares.items():
            total[given] = total.get(given, 0.0) + share * count / draws
    return total


def _manifest(
    config: Config,
    prepared: PreparedStudy,
    network: Plan,
    number: int,
    chains: Chains,
    subsets: tuple[Subset, ...],
) -> Manifest:
    fingerprint = prepared.fingerprint
    head, filler = additions(config)
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
        head=head,
        filler=filler,
        preparation=_preparation(config, prepared, network),
        inference=Inference(
            overlap=config.evaluation.overlap,
            blending=config.evaluation.blending,
            mirror=config.evaluation.mirror,
            windows_per_batch=config.evaluation.windows_per_batch,
            precision=config.trainer.precision,
        ),
        postprocessing=chains,
        subsets=subsets,
        fingerprint=None if fingerprint is None else fingerprint.only(config.cohort.modalities),
        requires=_requirements(config.model.name, chains, config.channels),
        versions={name: metadata.version(name) for name in PACKAGES},
        files={},
    )


def _preparation(config: Config, prepared: PreparedStudy, network: Plan) -> Preparation:
    imaging, b_s_mm2 = config.imaging, config.imputation.b_value_s_mm2
    return Preparation(
        spacing_mm=prepared.spacing_mm,
        reference=imaging.reference,
        registration=imaging.registration,
        normalisation=imaging.normalisation,
        interpolation=imaging.interpolation,
        crop_margin_mm=imaging.crop_margin_mm,
        in_plane_crop=imaging.in_plane_crop,
        own_slices=imaging.own_slices if network.sees_stacks else (),
        landmarks=prepared.landmarks,
        computing_b_s_mm2=b_s_mm2 if config.imputation.kind == "physics" else None,
        channels=config.channels,
        channels_b_s_mm2=b_s_mm2 if config.channels else None,
    )


def _requirements(model: str, chains: Chains, channels: Sequence[str]) -> dict[str, str]:
    """Versions of the plug-in packages that the network, the post-processing steps and the channels come from."""
    steps = {step for chain in (chains.full, chains.missing) if chain is not None for step in chain.steps}
    packages = [
        plugin_package(model),
        *(part_package("steps", step) for step in sorted(steps)),
        *(part_package("channels", name) for name in channels),
    ]
    return dict(package for package in packages if package is not None)


def _subjects(prepared: PreparedStudy) -> dict[str, Counter[str]]:
    """Number of subjects by center, for each use."""
    facts = prepared.facts
    return {use: Counter(facts[key].center for key in keys) for use, keys in asdict(prepared.splits).items()}
