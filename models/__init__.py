"""Published networks, one folder a network or family, and those of installed packages.

Every network is built from a plan (`models.plan.Plan`), and has the same forward pass::

    forward(x [B, M, D, H, W], present [B, M] | None) -> logits [B, K, D, H, W]

An absent modality is an all-zero channel of `x`; `present` says which modalities are there (None: all), for networks
that read it. In training a network may return more: a list of logits, highest resolution first, with deep
supervision; or what its training criterion reads. Networks that see one slice or a stack of slices have the same
shapes: they fold slices into the batch inside.

To add a network: its folder with `network.py`, `plan.py` and `spec.py`, and its line in `MODELS`. The contract tests
(`study.testing.models`) then run on it for every subset of modalities. A network in a package of your own needs no
line here; see `models.spec.ModelSpec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from models.lstm import spec as lstm
from models.multiunet.spec import SPEC as MULTIUNET
from models.nnunet.spec import SPEC as NNUNET
from models.plan import Plan, Scans, Size
from models.plugins import entry_points_of, load_plugin, plugin_names, plugin_package
from models.resenc_unet.spec import SPEC as RESENC_UNET
from models.spec import BenchmarkInput, ModelSpec, PublishedCost, Synthesiser
from models.threshold.spec import SPEC as THRESHOLD
from models.tiramisu.spec import SPEC as TIRAMISU
from models.unet2d.spec import SPEC as UNET2D
from models.urn.spec import SPEC as URN

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "MODELS",
    "BenchmarkInput",
    "ModelSpec",
    "Plan",
    "PublishedCost",
    "Scans",
    "Size",
    "Synthesiser",
    "build_model",
    "entry_points_of",
    "find_model",
    "model_names",
    "outline",
    "plan_model",
    "plugin_package",
    "read_plan",
]

MODELS: dict[str, ModelSpec] = {
    "nnunet": NNUNET,
    "resenc_unet": RESENC_UNET,
    "multiunet": MULTIUNET,
    "tiramisu": TIRAMISU,
    "unet2d": UNET2D,
    "urn": URN,
    "lstm": lstm.LSTM,
    "attlstm": lstm.ATTLSTM,
    "upattlstm": lstm.UPATTLSTM,
    "threshold": THRESHOLD,
}
"""Our own networks by the name that `model.name` chooses them by."""


def model_names() -> tuple[str, ...]:
    """The names of all networks, our own and those of installed packages, sorted; nothing is imported for it."""
    return tuple(sorted(MODELS.keys() | plugin_names()))


def find_model(name: str) -> ModelSpec:
    """What is to be known of the network called `name`.

    Raises:
        ValueError: there is no such network; two packages claim its name; or its package cannot be imported.
    """
    spec = load_plugin(name, MODELS) or MODELS.get(name)
    if spec is None:
        raise ValueError(f"model.name: no network '{name}'; there are {', '.join(model_names())}")
    return spec


def plan_model(name: str, settings: Mapping[str, Any], scans: Scans) -> Plan:
    """The plan of the network called `name` for these scans.

    Args:
        name: one of `model_names()`.
        settings: the `model` section of a configuration, nested.
        scans: the training subjects.

    Raises:
        ValueError: there is no such network, or the settings do not fit the scans; says what would.
    """
    return find_model(name).plan(name, settings, scans)


def read_plan(name: str, content: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.to_dict` wrote.

    Raises:
        ValueError: there is no such network, the content is no plan of it, or its sizes are beyond those of any network
            (`Plan.check`).
    """
    return find_model(name).plan_type.from_dict(content)


def outline(name: str, plan: Plan, head: str | None = None, filler: Size | None = None) -> dict[str, Tensor]:
    """The state of a network on torch's meta device: names, shapes and types, which take no memory.

    For plans that may come from a stranger: only a network whose weights fit its outline is built.

    Args:
        name: one of `model_names()`.
        plan: of this network.
        head, filler: as for `build_model`.

    Raises:
        ValueError: the plan contradicts itself, or the network is larger than any that could be trained.
    """
    from models.parts.outline import outline

    return outline(lambda: build_model(name, plan, head, filler))


def build_model(
    name: str, plan: Plan, head: str | None = None, filler: Size | None = None, *, gradual: bool = False
) -> nn.Module:
    """The network called `name`, freshly initialised.

    Args:
        name: one of `model_names()`.
        plan: of this network.
        head: None, or the initialisation of ModDrop+'s dynamic head (`identity`, `paper`); see `models.parts.head`.
        filler: None, or the cells of a learned filler; see `models.parts.filler`.
        gradual: whether the code of head and network says how much of a modality is left, or only that it is there. It
            matters with a filler alone, which always gets the former.

    Raises:
        ValueError: there is no such network, or the head or the filler cannot be plugged into it.
    """
    network = find_model(name).build(plan)
    if head is not None:
        from models.parts.head import DynamicHead

        network = DynamicHead(network, plan, head)
    if filler is not None:
        from models.parts.filler import LearnedFiller

        network = LearnedFiller(network, plan, filler, gradual=gradual)
    return network
