"""`python -m study.plan key=value…`: prints the spacing, patch and network that a configuration leads to."""

from __future__ import annotations

import math
from collections.abc import Sequence

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, shown
from study.config import Config
from study.machine.progress import Progress

LARGEST_SHARE = 0.05  # of the training subjects' voxels that a batch may show (nnU-Net's planner)
ROUNDING = 1e-9
COMMAND = Command(
    "study.plan",
    OwnKeys,
    WHOLE,
    details="The training subjects are read. Nothing is trained, and no study is created.",
)


def main(arguments: Sequence[str]) -> None:
    """Print the plan; see `--help`."""
    run_configured(COMMAND, arguments, _plan)


def _plan(config: Config, own: OwnKeys) -> None:
    with shown() as show:
        show.say(describe_plan(config, show.progress))


def describe_plan(config: Config, progress: Progress) -> str:
    """The plan as text; `progress` is told of each subject that is simulated or read.

    Raises:
        CohortError: the subjects cannot be read.
        ConfigError: the configuration does not fit the subjects.
    """
    from study.cohort import load_cohort, split_cohort
    from study.cohort.modalities import check_modalities
    from study.imaging.fingerprint import fingerprint
    from study.workflow.networks import build_network, plan_network
    from study.workflow.protocol import imaging_protocol

    cohort = load_cohort(config.cohort, config.phantom_root, progress)
    check_modalities(cohort, config.cohort.modalities)
    splits = split_cohort(cohort, config.cohort, config.objective.centers)
    found = fingerprint(cohort, splits.train, imaging_protocol(config), progress)
    plan = plan_network(config, found.median_shape, found.spacing_mm)
    parameters = sum(parameter.numel() for parameter in build_network(config, plan).parameters())
    spacing = " x ".join(f"{mm:.3g}" for mm in found.spacing_mm)
    lines = [
        f"Network {config.model.name} from {found.subjects} training subjects ([slices, rows, columns]):",
        f"  median shape  {_text(found.median_shape)} voxels of {spacing} mm",
        f"  inputs        {', '.join(plan.modalities)}",
        f"  patch         {_text(plan.patch_size)}, batch size {config.trainer.batch_size}",
        f"  parameters    {parameters / 1e6:.3g} million",
    ]
    if (memory_gb := plan.memory_gb(config.trainer.batch_size)) is not None:
        budget = f"of {config.model.memory_gb:g} GB"
        lines.append(f"  memory        {memory_gb:.2g} GB estimated for mixed precision, {budget}")
        patches = found.subjects * math.prod(found.median_shape) / math.prod(plan.patch_size)
        fitting = fitting_batches(memory_gb / config.trainer.batch_size, config.model.memory_gb, patches)
        lines.append(f"                {fitting}")
    return "\n".join(lines + [f"  {line}" for line in plan.describe()])


def fitting_batches(one_gb: float, memory_gb: float, patches: float) -> str:
    """Which batches of the planned patch fit the memory, and which one nnU-Net would take (Isensee et al. 2021).

    Args:
        one_gb: estimated memory of a training with a batch of one.
        memory_gb: the budget.
        patches: voxels of the training subjects over those of a patch.
    """
    most = math.floor(memory_gb / one_gb * (1 + ROUNDING))
    if not most:
        return "not even a batch of 1 fits; raise model.memory_gb, or lower model.patch_size"
    nnunet = min(most, max(2, round(LARGEST_SHARE * patches)))
    return f"batches of up to {most} fit; nnU-Net's rules would take {nnunet} (trainer.batch_size)"


def _text(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))


if __name__ == "__main__":
    run_command(main)
