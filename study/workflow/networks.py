"""Networks of a study: planned from the training subjects, built, loaded, and initialised from other weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from models import Plan, Scans, Size, build_model, find_model, outline, plan_model, read_plan
from study.config import Config
from study.errors import ConfigError, StudyError
from study.machine.tensors import TensorKind, differences
from study.records import PreparedStudy, TrialFolder
from study.records.weights import Start

if TYPE_CHECKING:
    from torch import nn


def plan_network(
    config: Config, median_shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> Plan:
    """The network's plan, a pure function of the configuration and the training subjects' fingerprint.

    Args:
        config: of the trial.
        median_shape: voxels of the median training subject, [slices, rows, columns].
        spacing_mm: size of these voxels.

    Raises:
        ConfigError: the settings do not fit the scans.
    """
    # Pairs send the full and the reduced input through the network together.
    together = config.trainer.batch_size * (2 if config.in_pairs else 1)
    inputs = (*config.inputs, *config.channels)
    scans = Scans(inputs, median_shape, spacing_mm, together)
    try:
        return plan_model(config.model.name, config.model.model_dump(), scans)
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def plan_prepared(config: Config, prepared: PreparedStudy) -> Plan:
    """The plan of a trial's network in a prepared study; an adopted network brings its own.

    Raises:
        ConfigError: the settings do not fit the scans.
        StudyError: the plan of an adopted network is none.
    """
    if (adopted := prepared.adopted) is not None:
        try:
            return read_plan(adopted.model, adopted.plan)
        except ValueError as error:
            raise StudyError(
                f"prepared.json: its adopted network is none ({error}); adopt it again under another study.name"
            ) from None
    return plan_network(config, prepared.median_shape, prepared.spacing_mm)


def build_network(config: Config, plan: Plan) -> nn.Module:
    """The configured network, freshly initialised, with dynamic head and learned filler if they are configured.

    Raises:
        ConfigError: the network cannot take head or filler.
    """
    gradual = config.head.code == "gradual"
    try:
        return build_model(config.model.name, plan, *additions(config), gradual=gradual)
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def additions(config: Config) -> tuple[Literal["identity", "paper"] | None, Size | None]:
    """What is added to the network, as `models.build_model` takes it: head and filler."""
    head = config.head.init if config.head.kind == "dynamic" else None
    return head, config.filler.cells if config.filler.kind == "learned" else None


def check_network(config: Config, plan: Plan) -> None:
    """Raise ConfigError if the network cannot take the dynamic head or the filler, or its criterion does not fit."""
    if any(additions(config)) or config.in_pairs or config.trainer.criterion is not None:
        from study.workflow.course import network_recipe, training_course

        network_recipe(config, training_course(config), build_network(config, plan))


def load_network(config: Config, plan: Plan, trial: TrialFolder) -> nn.Module:
    """The trained network of a complete trial, in evaluation mode, on the CPU; built once its weights are known to fit.

    Raises:
        StudyError: the trial has no weights, or those of another network.
        ConfigError: the plan is none that a network can be built from.
    """
    check_weights(config, plan, trial)
    network = build_network(config, plan)
    network.load_state_dict(trial.weights.tensors())
    return network.eval()


def check_weights(config: Config, plan: Plan, trial: TrialFolder) -> None:
    """Check that a trial's weights are those of its network, without reading or building it.

    Raises:
        StudyError: they are not, or there are none.
        ConfigError: the plan is none that a network can be built from.
    """
    try:
        state = outline(config.model.name, plan, *additions(config))
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    wanted = {name: TensorKind.of(tensor) for name, tensor in state.items()}
    if problems := differences(wanted, trial.weights.kinds()):
        raise trial.weights.damaged(f"not the weights of its {config.model.name}: {problems[0]}")


def check_start(start: Start, config: Config, plan: Plan) -> None:
    """Raise ConfigError unless the planned network can start from these weights."""
    apply_start(start, build_network(config, plan), config, plan)


def apply_start(start: Start, network: nn.Module, config: Config, plan: Plan) -> None:
    """Load the weights, matched by modality (see `models.parts.transfer.carry_over`).

    Raises:
        ConfigError: the networks differ in more than modalities, head and filler.
    """
    from models.parts.transfer import carry_over

    if start.model != config.model.name:
        raise ConfigError(
            [
                f"transfer.source: the source is a {start.model}, got model.name={config.model.name}; "
                f"use model={start.model}"
            ]
        )
    try:
        source = read_plan(start.model, start.plan)
    except ValueError as error:
        raise ConfigError([f"transfer.source: {error}"]) from None
    try:
        state = carry_over(start.tensors, source, network, find_model(config.model.name).build, plan)
    except ValueError as error:
        raise ConfigError([f"transfer.source: {error}; {_differences(source, plan)}"]) from None
    network.load_state_dict(state)


def _differences(source: Plan, plan: Plan) -> str:
    """How the plans differ, phrased as a remedy."""
    theirs, ours = source.to_dict(), plan.to_dict()
    found = [
        f"{key} {theirs[key]} there and {ours[key]} here"
        for key in theirs
        if key != "modalities" and theirs[key] != ours.get(key)
    ]
    return f"set model.… and imaging.spacing_mm as in the source: {', '.join(found) or 'the heads differ'}"
