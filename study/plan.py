"""`python -m study.plan key=value…`: the spacing, patch and network that this configuration would get."""

from __future__ import annotations

from collections.abc import Sequence

from study.cli import run_command
from study.composition import compose, help_text
from study.config import Config

PURPOSE = """Read the training subjects and print the spacing, patch and network that nnU-Net's rules plan from them.
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
    import torch

    from models import build_model, estimate_memory_gb
    from study.cohort import load_cohort, split_cohort
    from study.imaging.fingerprint import fingerprint
    from study.preparation import plan_for

    cohort = load_cohort(config)
    found = fingerprint(cohort, split_cohort(cohort, config).train, config)
    plan = plan_for(config, found.median_shape, found.spacing_mm)
    with torch.device("meta"):
        network = build_model(config.model.name, plan)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    memory_gb = estimate_memory_gb(config.model.name, plan, config.trainer.batch_size)
    spacing = " x ".join(f"{mm:.3g}" for mm in found.spacing_mm)
    lines = [
        f"Network {config.model.name} from {found.subjects} training subjects ([slices, rows, columns]):",
        f"  median shape  {_text(found.median_shape)} voxels of {spacing} mm",
        f"  patch         {_text(plan.patch_size)}, batch size {config.trainer.batch_size}",
        f"  parameters    {parameters / 1e6:.3g} million",
        f"  memory        {memory_gb:.2g} GB estimated for mixed precision, of {config.model.memory_gb:g} GB",
        f"  {'stage':<7}{'stride':<11}{'kernel':<11}channels",
    ]
    stages = zip(plan.strides, plan.kernel_sizes, plan.features, strict=True)
    for stage, (stride, kernel, channels) in enumerate(stages):
        lines.append(f"  {stage:<7}{_text(stride):<11}{_text(kernel):<11}{channels}")
    return "\n".join(lines)


def _text(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


if __name__ == "__main__":
    run_command(main)
