"""`python -m study.models ['model=[a, b]'] [key=value]…`: measures the cost of each network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from models import Plan, find_model
from study.commandline import WHOLE, Command, Given, OwnKeys, Settings, run_command, say
from study.commandline.composition import compose_settings
from study.commandline.groups import choices
from study.config import Config

if TYPE_CHECKING:
    import torch


class Arguments(OwnKeys):
    """Keys of the command itself."""

    model: tuple[str, ...] | None = Field(
        None, description="networks to measure, one choice or several; null: all"
    )


COMMAND = Command(
    "study.models",
    Arguments,
    WHOLE,
    details="""\
The input is that of the network's paper. model=[unet2d, nnunet] selects networks, and settings apply to all of them:
model.patch_size=[64,64,64] sets another input, cohort.modalities=[DWI,ADC] other modalities, head.kind=dynamic adds the
head, trainer.device=cpu avoids the GPU.""",
)

ON_GPU = "run on the GPU"
ON_CPU = """as on a CPU, where operations are traced without being computed
(networks that depend on values are run)"""
EXPLANATION = """The forward pass in training, batch size 1, float32, {how}.
Input: slices × rows × columns, as in the network's paper or code. FLOPs: a multiplication and an addition count as two.
Activations: tensors kept for the backward pass, besides weights and input. 1 MB is 10⁶ bytes.
"""
PEAK = "Peak: memory during the forward and backward pass, including weights and gradients.\n"


def main(arguments: Sequence[str]) -> None:
    """Measure the networks and print one row for each; see `--help`."""
    COMMAND.run(arguments, _measure)


def _measure(given: Given[Arguments]) -> None:
    chosen = given.own.model or choices()["model"]
    prepared = [_prepared(choice, given.settings) for choice in chosen]

    from study.machine.runtime import Runtime

    trainer = prepared[0][0].trainer
    device = Runtime.choose(trainer.device, trainer.precision).device
    on_gpu = device.type == "cuda"
    say(EXPLANATION.format(how=ON_GPU if on_gpu else ON_CPU) + PEAK * on_gpu)
    width = max(map(len, chosen))
    heads = ("model", "input", "modalities", "parameters", "GFLOPs", "activations MB", "peak MB")
    _print_row(heads if on_gpu else heads[:-1], width)
    for choice, (config, plan) in zip(chosen, prepared, strict=True):
        _print_row((choice, *_measured(config, plan, device)), width)


def _prepared(choice: str, settings: Settings) -> tuple[Config, Plan]:
    """A network's configuration and plan for the input of its paper, unless the settings change it."""
    from study.workflow.networks import plan_network

    def composed(**ours: str) -> Config:
        pairs = {"model": choice, "modality_dropout.droppable": "[]", **ours, **settings.pairs}
        return compose_settings(settings._replace(pairs=pairs))

    paper = find_model(composed().model.name).benchmark
    size, modalities = (f"[{','.join(map(str, values))}]" for values in (paper.size, paper.modalities))
    config = composed(**{"model.patch_size": size, "cohort.modalities": modalities})
    return config, plan_network(config, paper.size, paper.spacing_mm)


def _measured(config: Config, plan: Plan, device: torch.device) -> tuple[str, ...]:
    from models.measuring import measure
    from study.workflow.networks import build_network

    cost = measure(lambda: build_network(config, plan), (1, plan.n_inputs, *plan.patch_size), device)
    cells = (
        "×".join(map(str, plan.patch_size)),
        "+".join(plan.modalities),
        f"{cost.parameters:,}",
        _rounded(cost.flops / 1e9),
        _rounded(cost.activation_bytes / 1e6),
    )
    return cells if cost.peak_bytes is None else (*cells, _rounded(cost.peak_bytes / 1e6))


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _print_row(cells: Sequence[str], width: int) -> None:
    numbers = "".join(f"{cell:>16}" for cell in cells[3:])
    say(f"{cells[0]:<{width}}  {cells[1]:<12} {cells[2]:<15}{numbers}")


if __name__ == "__main__":
    run_command(main)
