"""From command-line arguments to the frozen configuration: Hydra composes, pydantic judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import search_spaces
from study.commandline.bounded_yaml import BOUNDED, UNFORESEEN, register_bounded_files
from study.commandline.conflicts import find_conflicts
from study.commandline.groups import CONF, choices, register_choices
from study.commandline.overrides import given_values, prepare_overrides, split_arguments
from study.config import Config, validate
from study.errors import ConfigError

__all__ = ["compose", "compose_section", "to_yaml"]


def compose(arguments: Sequence[str]) -> Config:
    """The configuration that `group=choice` and `key=value` arguments make.

    Args:
        arguments: in Hydra's override grammar; `--config-dir DIR` adds a folder of the user's own choices.

    Raises:
        ConfigError: every mistake at once, each with its path.
    """
    composed = _compose(arguments)
    config = validate(composed)
    space = search_spaces.SearchSpace.parse(config.search_space, config)
    overrides, directories = split_arguments(arguments)
    chosen, given = given_values(overrides, choices(directories))
    if conflicts := find_conflicts(chosen, given, config, space):
        raise ConfigError(conflicts)
    values = {**space.fixed, "search_space": space.resolved(config.search_space)}
    if (turns := space.turns) and "trials" not in composed["study"]:
        values["study.trials"] = len(turns)
    return config.with_values(values)


def compose_section(arguments: Sequence[str], section: str) -> dict[str, Any]:
    """One section as the arguments make it, for `validate` to judge together with others' sections.

    Raises:
        ConfigError: an argument is not understood, or a choice does not exist.
    """
    return dict(_compose(arguments)[section])


def to_yaml(config: Config) -> str:
    """The configuration as YAML that can be read back."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json")))


def _compose(arguments: Sequence[str]) -> dict[str, Any]:
    """The content that the arguments make, before it is judged."""
    overrides, directories = split_arguments(arguments)
    prepared = prepare_overrides(overrides, choices(directories))
    content, chosen = _compose_with_hydra(prepared, directories)
    content.pop("experiment", None)
    content.pop("technique", None)
    if isinstance(content.get("study"), dict):
        names = (chosen["technique"], chosen["search_space"])
        content["study"].setdefault("name", "-".join(dict.fromkeys(filter(None, names))))
    return content


def _compose_with_hydra(
    overrides: Sequence[str], directories: Sequence[Path]
) -> tuple[dict[str, Any], Mapping[str, str | None]]:
    """The composed content, and the choice of each group.

    Raises:
        ConfigError: what Hydra, OmegaConf or YAML cannot read, in one line.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    paths = ",".join(f"{BOUNDED}://{path.absolute()}" for path in directories)
    searched = [f"hydra.searchpath=[{paths}]"] if directories else []
    register_choices()
    register_bounded_files()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = hydra_compose("config", [*overrides, *searched], return_hydra_config=True)
        chosen = dict(composed.hydra.runtime.choices)
        sections = [str(key) for key in composed if key != "hydra"]
        plain = OmegaConf.to_container(OmegaConf.masked_copy(composed, sections), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        told = str(error) or str(error.__cause__)  # Hydra wraps some errors without a word
        raise ConfigError([told.splitlines()[0].replace("'++", "'")]) from None
    except YAMLError as error:
        raise ConfigError([f"--config-dir: {' '.join(str(error).split())}"]) from None
    except RecursionError:
        raise ConfigError(["the arguments are nested too deeply; write them flat"]) from None
    except UNFORESEEN as error:
        raise ConfigError([f"the arguments or a file of --config-dir: not understood ({error})"]) from None
    return ({str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}), chosen
