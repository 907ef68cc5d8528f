"""Files of a study that travel: out to the process that runs a trial, and home to the driver's folder.

A process that runs a trial has a study's folder of its own, with what the trial starts from, and writes to it as if it
were the study's. What it makes comes home in parts; the driver's folder holds only whole files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from study.machine.transfer import Part, Receiver, batches, names, parts
from study.records.files import refuse_link
from study.records.folders import StudyFolder
from study.records.trial import TrialFolder

# Relative to the study's folder; `trials/*` stands for the trial that starts.
_GOES_OUT = (
    "config.json",
    "prepared.json",
    "start.safetensors",
    "start.json",
    "trials/*/parameters.json",
    "trials/*/pretraining-before.pt",
    "trials/*/pretraining.pt",
    "trials/*/pretraining.jsonl",
    "trials/*/checkpoint-before.pt",
    "trials/*/checkpoint.pt",
    "trials/*/epochs.jsonl",
)

# Relative to the trial's folder, in the order of sending: whoever reads a later file finds the earlier ones.
_COMES_HOME = (
    "pretraining.pt",
    "pretraining.jsonl",
    "checkpoint.pt",
    "epochs.jsonl",
    "probabilities/*.npz",
    "postprocessing.json",
    "weights.safetensors",
    "rows.parquet",
    "overlays.npz",
    "examples.npz",
    "result.json",
)


def going_out(trial: TrialFolder) -> Iterator[Part]:
    """The parts of all files that a trial starts or continues from; raises StudyError if one is a link."""
    study, own = trial.study.path, trial.path.relative_to(trial.study.path).as_posix()
    for name in names(study, [pattern.replace("trials/*", own) for pattern in _GOES_OUT]):
        refuse_link(study / name)
        yield from parts(study / name, name.replace(own, f"trials/{trial.path.name}"))


def arriving(folder: StudyFolder) -> Receiver:
    """Receives what a trial starts from, into the folder of the process that runs it."""
    return Receiver(folder.path, _GOES_OUT)


def coming_home(trial: TrialFolder) -> Receiver:
    """Receives what a trial has made, into the driver's folder, where the checkpoint before the last is kept."""
    kept = {
        files.checkpoint.path.name: files.before.path.name for files in (trial.training, trial.pretraining)
    }
    return Receiver(trial.path, _COMES_HOME, kept)


class Luggage:
    """The files of a trial that have changed since they were last brought home."""

    def __init__(self, trial: TrialFolder) -> None:
        self._trial = trial
        self._home = {name: _state(trial.path / name) for name in names(trial.path, _COMES_HOME)}

    def batches(self, most: int) -> Iterator[tuple[Part, ...]]:
        """The parts of all new files, in batches of at most so many bytes.

        A file counts as brought home once the batch after its last part is asked for.
        """
        with tempfile.TemporaryDirectory(dir=self._trial.study.path.parent) as frozen:
            new = self._frozen(Path(frozen))
            states = {name: _state(copy) for name, copy in new}
            for batch in batches((part for name, copy in new for part in parts(copy, name)), most):
                yield batch
                self._home.update({part.name: states[part.name] for part in batch if part.digest is not None})

    def _frozen(self, folder: Path) -> list[tuple[str, Path]]:
        """Links to the new files as they are now, since the training goes on.

        The last in order are linked first, so that no file is older than one that is written after it.
        """
        links = []
        for number, name in enumerate(reversed(names(self._trial.path, _COMES_HOME))):
            copy = folder / str(number)
            os.link(self._trial.path / name, copy)
            if self._home.get(name) != _state(copy):
                links.append((name, copy))
        return links[::-1]


def _state(path: Path) -> tuple[int, int]:
    """What changes when a file is written anew."""
    state = path.stat()
    return state.st_ino, state.st_mtime_ns
