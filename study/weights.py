"""Weights: of a trial on disk, and those that a study starts from (`transfer.source`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models import Plan, build_model, read_plan
from study.config import Config
from study.errors import ConfigError, StudyError
from study.results import StudyFolder, TrialFolder, atomic, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn


def build_network(config: Config, plan: Plan) -> nn.Module:
    """The configured network, freshly initialised, with its dynamic head where one is asked for.

    Raises:
        ConfigError: the head cannot be plugged into it.
    """
    try:
        return build_model(
            config.model.name, plan, config.head.init if config.head.kind == "dynamic" else None
        )
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def check_network(config: Config, plan: Plan) -> None:
    """Raise ConfigError where the dynamic head cannot be plugged into the network, or it cannot be co-trained."""
    if config.head.kind == "dynamic" or config.cotraining.enabled:
        from study.training.objectives import training_objective

        training_objective(config, build_network(config, plan))


def save_weights(path: Path, network: nn.Module) -> None:
    """Write the network's parameters as safetensors."""
    _save(path, network.state_dict())


def load_network(config: Config, plan: Plan, folder: TrialFolder) -> nn.Module:
    """The trained network of a complete trial, in evaluation mode, on the CPU.

    Raises:
        StudyError: the trial has no weights.
    """
    from safetensors.torch import load_file

    if not folder.weights.is_file():
        raise StudyError(
            f"{folder.path}: the trial has no weights (it did not complete); choose another trial=…"
        )
    network = build_network(config, plan)
    network.load_state_dict(load_file(folder.weights))
    return network.eval()


@dataclass(frozen=True, eq=False)
class Start:
    """A trained network to start from.

    Attributes:
        model: its name.
        plan: what it is built from.
        tensors: its state.
    """

    model: str
    plan: Plan
    tensors: Mapping[str, Tensor]


def write_start(folder: StudyFolder, start: Start) -> None:
    """Keep it in the study's folder, where every trial finds it whatever becomes of the source."""
    _save(folder.start_weights, start.tensors)
    write_json(folder.start, {"model": start.model, "plan": start.plan.to_dict()})


def read_start(folder: StudyFolder) -> Start | None:
    """What the study's trials start from; None where they start anew."""
    from safetensors.torch import load_file

    if not folder.start.is_file():
        return None
    content = read_json(folder.start)
    return Start(
        content["model"], read_plan(content["model"], content["plan"]), load_file(folder.start_weights)
    )


def check_start(start: Start, config: Config, plan: Plan) -> None:
    """Raise ConfigError unless the network that is planned can start from these weights."""
    apply_start(start, build_network(config, plan), config, plan)


def apply_start(start: Start, network: nn.Module, config: Config, plan: Plan) -> None:
    """Load the weights, matched by modality (see `models.transfer.carry_over`).

    Raises:
        ConfigError: the networks differ in more than modalities and head.
    """
    from models.transfer import carry_over

    if start.model != config.model.name:
        raise ConfigError(
            [
                f"transfer.source: it holds a {start.model}, got model.name={config.model.name}; "
                f"use model={start.model}"
            ]
        )
    try:
        state = carry_over(start.tensors, start.plan, network, config.model.name, plan)
    except ValueError as error:
        raise ConfigError([f"transfer.source: {error}; {_differences(start.plan, plan)}"]) from None
    network.load_state_dict(state)


def _differences(source: Plan, plan: Plan) -> str:
    """What the plans differ in, as a remedy."""
    theirs, ours = source.to_dict(), plan.to_dict()
    found = [
        f"{key} {theirs[key]} there and {ours[key]} here"
        for key in theirs
        if key != "modalities" and theirs[key] != ours.get(key)
    ]
    return f"set model.… and imaging.spacing_mm as in the source: {', '.join(found) or 'the heads differ'}"


def _save(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save_file

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic(path) as temporary:
        save_file(plain, temporary)
