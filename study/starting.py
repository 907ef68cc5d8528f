"""Where a study starts from (`transfer.source`): the weights of a finished study, or of a bundle."""

from __future__ import annotations

from pathlib import Path

from study.composition import trial_config
from study.config import Config
from study.errors import ConfigError
from study.results import StudyFolder, find_winner
from study.weights import Start


def find_start(config: Config) -> Start | None:
    """The network that `transfer.source` names, None where it names none.

    Raises:
        ConfigError: there is neither a study nor a bundle.
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
    """The study in a folder, None for a bundle; raises ConfigError, naming the setting, if it is neither."""
    if (source / "config.json").is_file():
        return StudyFolder(source.parent, source.name)
    if source.is_file() or (source / "bundle.json").is_file():
        return None
    raise ConfigError([f"{setting}: {source} is neither a study's folder nor a bundle; give one of the two"])


def _from_study(folder: StudyFolder, number: int | None) -> Start:
    from study.preparation import open_study
    from study.weights import load_network

    trial = find_winner(folder) if number is None else folder.trial(number)
    config = trial_config(folder, trial)
    plan = open_study(folder, config).plan
    return Start(config.model.name, plan, load_network(config, plan, trial).state_dict())


def _from_bundle(path: Path) -> Start:
    from models import read_plan
    from study.deployment.bundle import build_network, read_bundle

    contents = read_bundle(path)
    manifest = contents.manifest
    return Start(
        manifest.model, read_plan(manifest.model, manifest.network), build_network(contents).state_dict()
    )
