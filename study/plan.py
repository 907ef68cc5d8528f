"""`python -m study.plan key=value…`: the spacing, patch and network that this configuration would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from models import Plan
from models.unet_planning import UNetPlan, estimate_memory_gb
from study.cli import run_command
from study.composition import compose, help_text
from study.config import Config

PURPOSE = """Read the training subjects and print the spacing, patch and network that are planned from them.
Nothing is trained, and no study is made."""


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        print(help_text("study.plan", PURPOSE))
        return
    print(describe_plan(compose(arguments)))


def describe_plan(config: Config) -> str:
    """The plan as text.

    Raises:
        CohortError: the subjects cannot be read.
        ConfigError: the configuration asks for what cannot be planned.
    """
    from study.cohort import load_cohort, split_cohort
    from study.imaging.fingerprint import fingerprint
    from study.preparation import plan_network
    from study.weights import build_network

    cohort = load_cohort(config)
    found = fingerprint(cohort, split_cohort(cohort, config).train, config)
    plan = plan_network(config, found.median_shape, found.spacing_mm)
    parameters = sum(parameter.numel() for parameter in build_network(config, plan).parameters())
    spacing = " x ".join(f"{mm:.3g}" for mm in found.spacing_mm)
    lines = [
        f"Network {config.model.name} from {found.subjects} training subjects ([slices, rows, columns]):",
        f"  median shape  {_text(found.median_shape)} voxels of {spacing} mm",
        f"  patch         {_text(plan.patch_size)}, batch size {config.trainer.batch_size}",
        f"  parameters    {parameters / 1e6:.3g} million",
    ]
    return "\n".join(lines + (_stages(config, plan) if isinstance(plan, UNetPlan) else _settings(plan)))


def _stages(config: Config, plan: UNetPlan) -> list[str]:
    memory_gb = estimate_memory_gb(config.model.name, plan, config.trainer.batch_size)
    lines = [
        f"  memory        {memory_gb:.2g} GB estimated for mixed precision, of {config.model.memory_gb:g} GB",
        f"  {'stage':<7}{'stride':<11}{'kernel':<11}channels",
    ]
    stages = zip(plan.strides, plan.kernel_sizes, plan.features, strict=True)
    for stage, (stride, kernel, channels) in enumerate(stages):
        lines.append(f"  {stage:<7}{_text(stride):<11}{_text(kernel):<11}{channels}")
    return lines


def _settings(plan: Plan) -> list[str]:
    """What the network is built from, besides what is told of every network."""
    known = {field.name for field in fields(Plan)}
    own = {key: value for key, value in plan.to_dict().items() if key not in known}
    width = max(map(len, own), default=0)
    return [f"  {key:<{width}}  {value}" for key, value in own.items()]


def _text(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


if __name__ == "__main__":
    run_command(main)
