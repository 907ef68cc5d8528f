"""From command-line arguments to the frozen configuration: Hydra composes, pydantic judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import search_spaces
from study.config import Config, legal_keys, validate
from study.errors import ConfigError
from study.results import StudyFolder, TrialFolder, read_json

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONF = Path(__file__).parent / "conf"
GROUPS = ("cohort", "model", "trainer", "schedule", "technique", "search_space", "experiment")


def compose(arguments: Sequence[str]) -> Config:
    """The configuration that `group=choice` and `key=value` arguments make.

    Args:
        arguments: in Hydra's override grammar; `--config-dir DIR` adds a folder of the user's own choices.

    Raises:
        ConfigError: every mistake at once, each with its path.
    """
    overrides, directories = _split_arguments(arguments)
    composed = _compose(overrides, directories)
    config = validate(composed)
    space = search_spaces.SearchSpace.parse(config.search_space, config)
    values = space.fixed
    if (turns := space.turns) and "trials" not in composed["study"]:
        values["study.trials"] = len(turns)
    return config.with_values(values)


def trial_config(folder: StudyFolder, trial: TrialFolder) -> Config:
    """The configuration that a trial ran with."""
    searched = read_json(trial.parameters) if trial.parameters.is_file() else {}
    return validate(read_json(folder.config)).with_values(searched).narrowed()


def compose_section(arguments: Sequence[str], section: str) -> dict[str, Any]:
    """One section as the arguments make it, for `validate` to judge together with others' sections.

    Raises:
        ConfigError: an argument is not understood, or a choice is not there.
    """
    overrides, directories = _split_arguments(arguments)
    return dict(_compose(overrides, directories)[section])


def choices(directories: Sequence[Path] = ()) -> dict[str, list[str]]:
    """The choices of each configuration group."""
    roots = [CONF, *directories]
    listed = {
        group: {path.stem for root in roots for path in (root / group).glob("*.yaml")} for group in GROUPS
    }
    listed["search_space"] |= {path.stem for path in search_spaces.DIRECTORY.glob("*.yaml")}
    return {group: sorted(names) for group, names in listed.items()}


def help_text(command: str, purpose: str) -> str:
    """The text of `--help`: groups with their choices, sections with their keys."""
    lines = [purpose, "", f"usage: python -m {command} [group=choice] [key=value] …", ""]
    lines += ["Groups:"] + [f"  {group}={'|'.join(names)}" for group, names in choices().items()]
    lines += ["", "Keys:"]
    for section in legal_keys():
        keys = legal_keys(section)
        lines.append(f"  {section}" + (f": {', '.join(keys)}" if keys else ""))
    lines += [
        "",
        "  --cfg job          print the resolved configuration and end",
        "  --config-dir DIR   a folder with choices of your own, such as DIR/search_space/mine.yaml",
        "  dry_run=true       print the plan and end",
        "  resume=true        go on with an interrupted study",
        "  debug=true         show the traceback of an error",
    ]
    return "\n".join(lines)


def take_cfg_job(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without `--cfg job`, and whether it was there."""
    rest = list(arguments)
    for index, argument in enumerate(rest):
        if argument in ("--cfg=job", "-c=job"):
            return rest[:index] + rest[index + 1 :], True
        if argument in ("--cfg", "-c") and rest[index + 1 : index + 2] == ["job"]:
            return rest[:index] + rest[index + 2 :], True
    return rest, False


def to_yaml(config: Config) -> str:
    """The configuration as YAML that can be read back."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json")))


def _split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    overrides: list[str] = []
    directories: list[Path] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--config-dir":
            directories.append(Path(next(remaining, "")))
        elif argument.startswith("--config-dir="):
            directories.append(Path(argument.partition("=")[2]))
        else:
            overrides.append(argument)
    if missing := [f"--config-dir: no such folder: {path}" for path in directories if not path.is_dir()]:
        raise ConfigError(missing)
    return overrides, directories


def _compose(overrides: Sequence[str], directories: Sequence[Path]) -> Mapping[str, Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    _register_search_spaces()
    known = choices(directories)
    prepared, problems = _force_values(overrides, known)
    if problems:
        raise ConfigError(problems)
    if directories:
        paths = ",".join(f"file://{path.absolute()}" for path in directories)
        prepared.append(f"hydra.searchpath=[{paths}]")
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            composed: DictConfig = hydra_compose("config", overrides=prepared, return_hydra_config=True)
        picked = composed.hydra.runtime.choices
        chosen = (picked.technique, picked.search_space)
        sections = [str(key) for key in composed if key != "hydra"]
        plain = OmegaConf.to_container(OmegaConf.masked_copy(composed, sections))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([str(error).splitlines()[0]]) from None
    content: dict[str, Any] = (
        {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}
    )
    content.pop("experiment", None)
    content.pop("technique", None)
    if isinstance(content.get("study"), dict):
        content["study"].setdefault("name", "-".join(dict.fromkeys(filter(None, chosen))))
    return content


def _register_search_spaces() -> None:
    """The files of `search_spaces/` become choices of the group, beside those of `--config-dir`."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    for path in search_spaces.DIRECTORY.glob("*.yaml"):
        ConfigStore.instance().store(name=path.stem, group="search_space", node=OmegaConf.load(path))


def _force_values(overrides: Sequence[str], known: Mapping[str, list[str]]) -> tuple[list[str], list[str]]:
    """Overrides that Hydra accepts whatever their key, so that pydantic names every unknown one at once."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    prepared: list[str] = []
    problems: list[str] = []
    for override in overrides:
        try:
            parsed = parser.parse_override(override)
        except HydraException:
            problems.append(
                f"{override}: not understood; write key=value (quote values with spaces or commas)"
            )
            continue
        key = parsed.key_or_group
        if key in known and parsed.value() is not None and not isinstance(parsed.value(), dict):
            if parsed.value() not in known[key]:
                problems.append(f"{key}: no choice '{parsed.value()}'; there are {', '.join(known[key])}")
            prepared.append(override)
        elif override[0] in "+~" or key in known:
            prepared.append(override)
        else:
            prepared.append(f"++{override}")
    return prepared, problems
