"""Trains the settings of a design with the study's own code, several at a time, and gathers their curves.

The trainings are trials of one study in a folder. A recording that is interrupted goes on where it was: trainings that
ended are kept, the others continue from their checkpoints.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.search.curves import Curve, Recording, rounded
from benchmarks.search.design import CLOCK, CLOCKS, fill
from search_spaces import SearchSpace
from study.commandline.composition import compose
from study.config import Config
from study.errors import TrainingError
from study.records import CompleteTrial, FailedTrial, StudyFolder, TrialFolder
from study.training.epoch import Epoch
from study.training.rungs import study_rungs

__all__ = ["gather", "record"]

NAME = "recording"
VALIDATED = "trainer.validate_every=1"  # so that rungs may lie anywhere; settings that are given prevail


def record(work: Path, settings: Sequence[str], points: int, processes: int) -> Recording:
    """Train every setting of a design with each clock, and gather the curves.

    Args:
        work: folder of the study.
        settings: arguments of the study, such as `trainer.epochs=20`.
        points: number of settings.
        processes: trainings at a time, one core each.

    Raises:
        StudyError: the folder holds a recording of other settings.
    """
    from study.workflow.preparation import prepare_study
    from study.workflow.resuming import check_resumable

    config, folder = _study(work, settings)
    check_resumable(config, folder)
    prepare_study(config, folder)
    space = SearchSpace.parse(config.search_space, config).outer
    designed = [{**values, CLOCK: clock} for values in fill(space, points) for clock in CLOCKS]
    for number, values in enumerate(designed):
        folder.trial(number).parameters.write(values)
    left = [number for number in range(len(designed)) if not folder.trial(number).result.exists]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_train, str(work), number) for number in left]
        for done, ended in enumerate(as_completed(running), len(designed) - len(left) + 1):
            print(f"{done} of {len(designed)} trainings: {ended.result()}", flush=True)
    return gather(work, settings)


def gather(work: Path, settings: Sequence[str]) -> Recording:
    """The curves of the trainings in a folder that have ended."""
    config, folder = _study(work, settings)
    epochs = validated_epochs(config)
    curves = tuple(_curve(trial, epochs) for trial in folder.trials() if trial.result.exists)
    return Recording(settings=_settings(settings), epochs=epochs, curves=curves)


def validated_epochs(config: Config) -> tuple[int, ...]:
    """The epochs that a training of a study is validated at."""
    trainer, rungs = config.trainer, study_rungs(config.trainer, config.tuning)
    every = range(trainer.validate_every, trainer.epochs + 1, trainer.validate_every)
    return tuple(sorted({*every, *rungs, trainer.epochs}))


def _settings(settings: Sequence[str]) -> tuple[str, ...]:
    given = any(setting.startswith("trainer.validate_every=") for setting in settings)
    return tuple(settings) if given else (VALIDATED, *settings)


def _study(work: Path, settings: Sequence[str]) -> tuple[Config, StudyFolder]:
    folder = StudyFolder(work, NAME)
    resumed = ["resume=true"] if folder.config.exists else []
    given = [*_settings(settings), f"study.root={work}", f"study.name={NAME}", "tracking.enabled=false"]
    return compose([*given, *resumed]), folder


def _train(work: str, number: int) -> str:
    """Train one setting, in a process of its own; returns what has become of it."""
    import torch

    from study.tuning.outcome import write_failure
    from study.workflow.trial import run_trial

    torch.set_num_threads(1)
    folder = StudyFolder(Path(work), NAME)
    trial, config = folder.trial(number), folder.config.read()
    try:
        run_trial(config.with_values(trial.searched()), trial, _continue)
    except TrainingError as error:
        write_failure(trial, str(error))
    trial.forget_kept()
    result = trial.result.read()
    how = result.error if isinstance(result, FailedTrial) else f"objective {result.value:.3f}"
    return f"{number} {result.state}, {how}, {result.seconds:.0f} s"


def _continue(epoch: Epoch) -> bool:
    return False


def _curve(trial: TrialFolder, epochs: Sequence[int]) -> Curve:
    """The curve of a training that has ended; of one that failed, nothing but its settings."""
    result = trial.result.read()
    if not isinstance(result, CompleteTrial) or result.goals is None:
        return Curve(values=trial.searched(), scores=(), final=None, seconds=round(result.seconds, 1))
    validated = {one.epoch: one.validation for one in trial.training.epochs.read() if one.validation}
    scores = tuple(
        rounded((one.full, one.missing, one.worst_center)) for one in map(validated.__getitem__, epochs)
    )
    goals = result.goals
    final = rounded((goals.full, goals.missing, goals.worst_center))
    return Curve(values=trial.searched(), scores=scores, final=final, seconds=round(result.seconds, 1))
