"""Loads the weights that a study starts from (`transfer.source`): of a finished study, or of a bundle."""

from __future__ import annotations

from pathlib import Path

from study.config import Config
from study.config.section import SHIPPED_BUNDLES
from study.errors import ConfigError
from study.records import StudyFolder, find_winner
from study.records.weights import Start


def find_start(config: Config) -> Start | None:
    """The network that `transfer.source` names; None if it is not set.

    Raises:
        ConfigError: the path holds neither a study nor a bundle.
        StudyError: the study has no such complete trial.
        BundleError: the bundle is damaged.
    """
    source, trial = config.transfer.source, config.transfer.trial
    if source is None:
        return None
    if (folder := study_at(source, "transfer.source")) is not None:
        return _from_study(folder, trial)
    if trial is not None:
        raise ConfigError(["transfer.trial: a bundle holds one trial; leave it out"])
    return _from_bundle(source)


def study_at(source: Path, setting: str) -> StudyFolder | None:
    """The study in a folder, None for a bundle; raises ConfigError, naming the setting, if the path holds neither."""
    if str(source) in SHIPPED_BUNDLES:
        return None
    folder = StudyFolder(source.parent, source.name)
    if folder.config.exists:
        return folder
    if source.is_file() or (source / "bundle.json").is_file():
        return None
    raise ConfigError([f"{setting}: {source} is neither a study's folder nor a bundle; give one of the two"])


def _from_study(folder: StudyFolder, number: int | None) -> Start:
    from study.workflow.networks import load_network
    from study.workflow.opening import open_study

    trial = find_winner(folder) if number is None else folder.trial(number)
    config = folder.trial_config(trial)
    plan = open_study(folder, config).plan
    return Start(config.model.name, plan.to_dict(), load_network(config, plan, trial).state_dict())


def _from_bundle(path: Path) -> Start:
    from study.deployment.bundle import build_network, read_bundle

    contents = read_bundle(path)
    manifest = contents.manifest
    if manifest.others:
        what = f"{path} is an {manifest.name}, and a network starts from one alone"
        raise ConfigError(
            [f"transfer.source: {what}; export one of them (study.export trial={manifest.trial} …)"]
        )
    return Start(manifest.model, manifest.network, build_network(contents).state_dict())
