"""From command-line arguments to the frozen configuration: Hydra composes choices, pydantic judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import search_spaces
from study.commandline.bounded_yaml import BOUNDED, UNFORESEEN, register_bounded_files, yaml_fault
from study.commandline.command import REFERENCE, WHOLE, Command, OwnKeys, Settings
from study.commandline.conflicts import find_conflicts
from study.commandline.grammar import HELP
from study.commandline.groups import CONF, choices, register_choices
from study.commandline.reading import merged, read_pairs, resolved
from study.config import Config, validate
from study.config.nearest import did_you_mean
from study.config.parts import must_be_one_of
from study.errors import ConfigError

NOT_CHOSEN = (("technique", "null"), ("experiment", "null"))  # as it is anyway

__all__ = ["compose", "compose_section", "compose_settings", "read_settings", "to_yaml"]


def compose(arguments: Sequence[str]) -> Config:
    """The configuration that `group=choice` and `key=value` arguments make.

    Args:
        arguments: as on the command line; `--config-dir DIR` adds a folder of the user's own choices.

    Raises:
        ConfigError: every mistake at once, each with its path.
    """
    return compose_settings(read_settings(arguments))


def read_settings(arguments: Sequence[str]) -> Settings:
    """Arguments as on the command line, read; raises ConfigError for what is not understood."""
    if shown := [argument for argument in arguments if argument in (*HELP, "--cfg")]:
        raise ConfigError([f"{shown[0]}: is for the command line; leave it out"])
    return Command("study.run", OwnKeys, WHOLE).read(arguments).settings


def compose_settings(settings: Settings) -> Config:
    """The configuration that settings make; raises ConfigError like `compose`."""
    chosen, given = _apart(settings)
    composed = _compose(chosen, given, settings.directories)
    config = validate(composed)
    space = search_spaces.SearchSpace.parse(config.search_space, config)
    if conflicts := find_conflicts(chosen, given, config, space):
        raise ConfigError(conflicts)
    values = {**space.fixed, "search_space": space.resolved(config.search_space)}
    if (turns := space.turns) and "trials" not in composed["study"]:
        values["study.trials"] = len(turns)
    return config.with_values(values)


def compose_section(settings: Settings, section: str) -> dict[str, Any]:
    """One section as settings make it, for `validate` to judge together with others' sections.

    Raises:
        ConfigError: a value is not understood, or a choice does not exist.
    """
    return dict(_compose(*_apart(settings), settings.directories)[section])


def to_yaml(config: Config) -> str:
    """The configuration as YAML that can be read back."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json")))


def _compose(
    chosen: Mapping[str, str], values: Mapping[str, Any], directories: Sequence[Path]
) -> dict[str, Any]:
    """The content that choices and values make, before it is judged."""
    content, names = _compose_with_hydra(chosen, directories, values)
    content.pop("experiment", None)
    content.pop("technique", None)
    default = "-".join(dict.fromkeys(filter(None, map(names.get, ("technique", "search_space")))))
    if default and isinstance(content.get("study"), dict):
        content["study"].setdefault("name", default)
    return content


def _apart(settings: Settings) -> tuple[dict[str, str], dict[str, Any]]:
    """The choice of each group, and the values of keys, nested.

    Raises:
        ConfigError: lists choices that do not exist, and values that cannot be read.
    """
    legal = choices(settings.directories)
    chosen = {key: value for key, value in settings.pairs.items() if key in legal and value[0] != "{"}
    typed = {key: value for key, value in settings.pairs.items() if key not in chosen}
    wrong = {
        group: f"{group}: {_no_choice(legal[group], name)}"
        for group, name in chosen.items()
        if name != "null" and name not in legal[group]
    }
    if wrong:
        raise ConfigError([*wrong.values(), *_mistakes_besides(tuple(wrong), typed)])
    return chosen, read_pairs(typed, Config)


def _mistakes_besides(groups: Sequence[str], typed: Mapping[str, str]) -> list[str]:
    """What is wrong with typed keys, except in sections of groups that are wrongly chosen, and so not known."""
    known = {
        key: value
        for key, value in typed.items()
        if key.partition(".")[0] not in groups and REFERENCE not in value
    }
    try:
        values = read_pairs(known, Config)
        validate(merged({"study": {"name": "any"}}, values.items()))
    except ConfigError as error:
        return [line for line in error.problems if line.partition(":")[0] in known]
    return []


def _no_choice(legal: Sequence[str], given: str) -> str:
    if any(sign in given for sign in ",[]"):
        return f"takes one choice, got {given}; run the command once for each"
    return must_be_one_of(legal, given)


def _compose_with_hydra(
    chosen: Mapping[str, str], directories: Sequence[Path], values: Mapping[str, Any]
) -> tuple[dict[str, Any], Mapping[str, str | None]]:
    """The content of the choices with the values, and the choice of each group.

    Raises:
        ConfigError: what Hydra, OmegaConf or YAML cannot read, in one line.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    overrides = [_override(group, name) for group, name in chosen.items() if (group, name) not in NOT_CHOSEN]
    if directories:
        paths = (_quoted(f"{BOUNDED}://{path.absolute()}") for path in directories)
        overrides.append(f"hydra.searchpath=[{','.join(paths)}]")
    register_choices()
    register_bounded_files()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed = hydra_compose("config", overrides, return_hydra_config=True)
        names = dict(composed.hydra.runtime.choices)
        sections = [str(key) for key in composed if key != "hydra"]
        plain: Any = OmegaConf.to_container(OmegaConf.masked_copy(composed, sections))
        return resolved(merged(plain, values.items())), names
    except MissingConfigException as error:
        group, _, name = str(error.missing_cfg_file).partition("/")
        near = did_you_mean(name, error.options or ())
        raise ConfigError(
            [f"--config-dir: a file chooses {group}={name}, which does not exist{near}"]
        ) from None
    except (HydraException, OmegaConfBaseException) as error:
        told = str(error) or str(error.__cause__)  # Hydra wraps some errors without a word
        raise ConfigError([f"--config-dir: {told.splitlines()[0]}"]) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError([f"{mark.name if mark else '--config-dir'}{yaml_fault(error)}"]) from None
    except RecursionError:
        raise ConfigError(["the arguments are nested too deeply; write them flat"]) from None
    except UNFORESEEN as error:
        raise ConfigError([f"the arguments or a file of --config-dir: not understood ({error})"]) from None


def _override(group: str, name: str) -> str:
    return f"~{group}" if name == "null" else f"{group}={_quoted(name)}"


def _quoted(text: str) -> str:
    """Text as a value of Hydra's grammar."""
    return "'" + text.replace("'", "\\'") + "'"
