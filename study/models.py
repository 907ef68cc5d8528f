"""`python -m study.models [model=a,b] [key=value]…`: what each network costs, measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from models import Plan
from study.cli import run_command
from study.composition import choices, compose, help_text
from study.config import Config

if TYPE_CHECKING:
    import torch

PURPOSE = """Print parameters, FLOPs and activation memory of every network, measured on an input of its paper's size.
model=nnunet,unet2d names some of them. Settings hold for all: model.patch_size=[64,64,64] is another input,
cohort.modalities=[DWI,ADC] are other modalities, head.kind=dynamic adds the head, trainer.device=cpu uses no GPU."""

ON_GPU = "run on the GPU"
ON_CPU = """as on a CPU, where operations are gone through without being computed
(but for a network that looks at values, which is run)"""
EXPLANATION = """The forward pass of a training, batch 1, float32, {how}.
Input: slices × rows × columns, as in the network's paper or its code. FLOPs: a multiplication and an addition are two.
Activations: what is kept for the backward pass, beside weights and input. A MB has 10⁶ bytes.
"""
PEAK = "Peak: of memory in forward and backward pass, with weights and gradients.\n"


class Input(NamedTuple):
    """What a network is measured on.

    Attributes:
        size: voxels, slices first.
        modalities: names.
        spacing_mm: slices first.
    """

    size: tuple[int, int, int]
    modalities: tuple[str, ...]
    spacing_mm: tuple[float, float, float]


CUBE = Input(
    (128, 128, 128), ("DWI", "ADC", "B0"), (1.0, 1.0, 1.0)
)  # Xu 2024, with Vargas-Ibarra 2025's modalities
SLICE = Input((1, 240, 240), ("FLAIR", "T1", "T1c", "T2"), (1.0, 1.0, 1.0))  # BRATS; Lau 2019, section 3.1
STACK = Input(
    (12, 256, 256), ("DWI", "SWAN", "PHASE"), (2.0, 0.5, 0.5)
)  # Vargas-Ibarra 2024, section 2.1, table 3
CROP = Input(
    (1, 128, 128), ("T1", "FLAIR", "T2", "PD"), (3.0, 1.0, 1.0)
)  # ISBI 2015; crops of Liu 2022's code

INPUTS = {
    "nnunet": CUBE,
    "resenc_unet": CUBE,
    "multiunet": CUBE,
    "unet2d": SLICE,
    "urn": SLICE,
    "tiramisu": CROP,
    "lstm": STACK,
    "attlstm": STACK,
    "upattlstm": STACK,
}
"""Of each network in `models.MODELS`."""


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        print(help_text("study.models", PURPOSE))
        return
    named = [argument for argument in arguments if argument.startswith("model=")]
    settings = [argument for argument in arguments if not argument.startswith("model=")]
    chosen = named[-1].removeprefix("model=").split(",") if named else choices()["model"]
    prepared = [_prepared(choice, settings) for choice in chosen]

    from study.training.loop import choose_device

    device = choose_device(prepared[0][0].trainer)
    on_gpu = device.type == "cuda"
    print(EXPLANATION.format(how=ON_GPU if on_gpu else ON_CPU) + PEAK * on_gpu)
    width = max(map(len, chosen))
    heads = ("model", "input", "modalities", "parameters", "GFLOPs", "activations MB", "peak MB")
    _print_row(heads if on_gpu else heads[:-1], width)
    for choice, (config, plan) in zip(chosen, prepared, strict=True):
        _print_row((choice, *_measured(config, plan, device)), width)


def _prepared(choice: str, settings: Sequence[str]) -> tuple[Config, Plan]:
    """A network on its paper's input, where the settings do not say otherwise."""
    from study.preparation import plan_network

    chosen = (f"model={choice}", "modality_dropout.droppable=[]")
    given = INPUTS[compose([*chosen, *settings]).model.name]
    size, modalities = (",".join(map(str, values)) for values in (given.size, given.modalities))
    ours = (f"model.patch_size=[{size}]", f"cohort.modalities=[{modalities}]")
    config = compose([*chosen, *ours, *settings])
    return config, plan_network(config, given.size, given.spacing_mm)


def _measured(config: Config, plan: Plan, device: torch.device) -> tuple[str, ...]:
    from models.measuring import measure
    from study.weights import build_network

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
    print(f"{cells[0]:<{width}}  {cells[1]:<12} {cells[2]:<15}{numbers}", flush=True)


if __name__ == "__main__":
    run_command(main)
