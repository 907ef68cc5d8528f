"""Where a search compares its trials, why there, and where it does not, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress, product

from search_spaces import SearchSpace
from study.config import Config, Schedule
from study.config.values import with_values
from study.training.rungs import comparable_rungs, study_rungs

__all__ = ["rung_lines"]

PREFIX = "schedule."
DECIDING = ("schedule.shape", "schedule.clock")  # of the settings of a schedule, those that are told


def rung_lines(config: Config, space: SearchSpace) -> Iterator[str]:
    """The rungs of a study that has a scheduler, and at which of them which schedules are passed over.

    Args:
        config: of the study.
        space: that it searches.
    """
    tuning, rungs = config.tuning, study_rungs(config.trainer, config.tuning)
    if not rungs:
        yield f"scheduler={tuning.scheduler} stops no trial: there is no rung before epoch {config.trainer.epochs}"
        return
    listed = ", ".join(map(str, rungs))
    yield (
        f"scheduler={tuning.scheduler} compares trials at epochs {listed}: from {tuning.first_rung:g} of the epochs on "
        f"(tuning.first_rung), each {tuning.reduction_factor:g} times as far as the one before "
        "(tuning.reduction_factor), at a validation"
    )
    if not tuning.wait_for_fade_out:
        yield "whether or not modalities have faded out there (tuning.wait_for_fade_out=false)"
        return
    yield from _waiting(config, space, rungs)


def _waiting(config: Config, space: SearchSpace, rungs: Sequence[int]) -> Iterator[str]:
    """The rungs that come before the end of a fade-out, and what to do about it."""
    droppable, epochs = config.modality_dropout.droppable, config.trainer.epochs
    schedules = list(_schedules(config.schedule, space))
    compared = [comparable_rungs(one, droppable, epochs, rungs) for one in schedules]
    early: dict[tuple[bool, ...], list[int]] = {}  # by which of the schedules have not faded out
    for rung in rungs:
        early.setdefault(tuple(rung not in some for some in compared), []).append(rung)
    early.pop((False,) * len(schedules), None)
    if not early:
        return
    for fading, some in early.items():
        yield "none is stopped at " + _place(some, list(compress(schedules, fading)), schedules)
    yield (
        "schedule.clock=rung fits a whole schedule before each rung; "
        "tuning.wait_for_fade_out=false compares trials all the same"
    )


def _place(rungs: Sequence[int], fading: Sequence[Schedule], schedules: Sequence[Schedule]) -> str:
    """`epochs 5, 10 with shape=linear, cosine, as modalities have not faded out there`."""
    where = f"{'epoch' if len(rungs) == 1 else 'epochs'} {', '.join(map(str, rungs))}"
    shapes = list(dict.fromkeys(one.shape for one in fading))
    several = len({one.shape for one in schedules}) > len(shapes)
    clocks = {one.clock for one in schedules} - {one.clock for one in fading}
    which = [f"shape={', '.join(shapes)}"] if several else []
    which += ["clock=trial"] if clocks else []
    return f"{where}{' with ' if which else ''}{' and '.join(which)}, as modalities have not faded out there"


def _schedules(schedule: Schedule, space: SearchSpace) -> Iterator[Schedule]:
    """The schedule with each shape and each clock that is searched, other settings as they are configured."""
    choices = {path: [getattr(schedule, path.partition(".")[2])] for path in DECIDING}
    for parameter in space.parameters:
        if parameter.path in choices:
            choices[parameter.path] = [value for _, value in parameter.probes()]
    fixed = {path: value for path, value in space.fixed.items() if path.startswith(PREFIX)}
    for values in product(*choices.values()):
        own = {**fixed, **dict(zip(choices, values, strict=True))}
        content = {path.removeprefix(PREFIX): value for path, value in own.items()}
        yield Schedule.model_validate(with_values(schedule.model_dump(), content))
