"""Small courses, subjects and stores that tests of training share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from study.cohort.records import SubjectFacts
from study.config import ModalityDropout, Model, Schedule, Trainer
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.training.course import Course
from study.training.epoch import Epoch
from study.training.recipe import Ingredients
from study.training.samples import Samples

MODALITIES = ("DWI", "ADC", "B0")
PATCH = (4, 8, 8)
CENTERS = {"A-0": "A", "A-1": "A", "A-2": "A", "B-3": "B"}


def course_of(
    *,
    seed: int = 5,
    modalities: tuple[str, ...] = MODALITIES,
    dropout: ModalityDropout | None = None,
    schedule: Schedule | None = None,
    **trainer: Any,
) -> Course:
    """A course with these settings of the trainer."""
    settings = Trainer.model_validate(trainer)
    return Course(seed, modalities, settings, dropout or ModalityDropout(), schedule or Schedule())


def ingredients_of(
    network: nn.Module,
    loss: Callable[..., Tensor],
    course: Course | None = None,
    model: Model | None = None,
    **sections: Any,
) -> Ingredients:
    """What a criterion is made of, with these sections of techniques."""
    return Ingredients(network, loss, course or course_of(), model or Model(), **sections)


def small_subjects() -> list[Prepared]:
    """Four volumes with a bright target in the first modality."""
    made = []
    grid = Grid((6, 12, 12), np.eye(4))
    for number, key in enumerate(CENTERS):
        rng = np.random.default_rng(number)
        target = np.zeros(grid.shape, np.uint8)
        target[2:4, 3:7, number : number + 5] = 1
        image = rng.normal(size=(3, *grid.shape)).astype(np.float32)
        image[0] += 3 * target
        voxels = np.argwhere(target).astype(np.int16)
        made.append(
            Prepared(
                SubjectFacts(key, CENTERS[key]), image, (True, True, True), target, voxels, grid, grid, target
            )
        )
    return made


def short_course(**trainer: Any) -> Course:
    """Four epochs of three iterations."""
    settings = {
        "epochs": 4,
        "iterations_per_epoch": 3,
        "augmentation": "none",
        "momentum": 0.9,
        "validate_every": 2,
    }
    return course_of(**settings | trainer)


def samples_of(course: Course, patch_size: tuple[int, int, int] = PATCH, world: int = 1) -> Samples:
    """Samples of the four volumes."""
    return Samples(course, small_subjects(), patch_size, world)


class MemoryStore:
    """Keeps what was saved last in memory, and counts how often."""

    name = "the store"

    def __init__(self, checkpoint: bytes | None = None) -> None:
        self.checkpoint = checkpoint
        self.epochs: tuple[Epoch, ...] = ()
        self.saved = 0

    def load(self) -> bytes | None:
        return self.checkpoint

    def save(self, checkpoint: bytes, epochs: Sequence[Epoch]) -> None:
        self.checkpoint, self.epochs = checkpoint, tuple(epochs)
        self.saved += 1
