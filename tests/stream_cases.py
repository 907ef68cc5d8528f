"""A stream of small volumes that nobody has to simulate, shared by tests of samples and of who makes brains."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from study.cohort.records import SubjectFacts
from study.config import CohortConfig, Imaging, Phantom
from study.imaging.entries import EntryRecipe
from study.imaging.prepared import Prepared
from study.imaging.protocol import ImagingProtocol
from study.imaging.stored import write_prepared
from study.imaging.volume import Grid
from study.streaming.making import BrainRecipe
from study.streaming.stream import Stream
from study.streaming.turns import FreshBrain, Turns

GRID = Grid((6, 12, 12), np.eye(4))


def recipe_in(cache: Path) -> BrainRecipe:
    """A recipe whose brains lie in this cache."""
    protocol = ImagingProtocol(("DWI", "ADC", "B0"), "lesion", "none", Imaging())
    return BrainRecipe(CohortConfig(), EntryRecipe(cache, protocol, (5.0, 2.0, 2.0), {}, None), "simulator")


def as_it_is(subject: Prepared) -> Prepared:
    """The view of a network that sees everything."""
    return subject


def stream_in(cache: Path, slots: dict[str, str], every: int, processes: int = 1) -> Stream:
    """A stream of brains in this cache."""
    return Stream(Turns(slots, every), recipe_in(cache), as_it_is, processes)


def volume(marker: float) -> Prepared:
    """A small volume whose last modality holds a number everywhere."""
    rng = np.random.default_rng(int(marker))
    target = np.zeros(GRID.shape, np.uint8)
    target[2:4, 3:7, 2:7] = 1
    image = rng.normal(size=(3, *GRID.shape)).astype(np.float32)
    image[2] = marker
    voxels = np.argwhere(target).astype(np.int16)
    return Prepared(SubjectFacts("any"), image, (True, True, True), target, voxels, GRID, GRID, target)


def put(stream: Stream, brain: FreshBrain, marker: float) -> None:
    """Write a small volume where a brain is looked for."""
    write_prepared(volume(marker), stream.recipe.entry(brain))


def simulated_in(cache: Path, every: int = 1, processes: int = 2) -> Stream:
    """A stream of coarse phantoms in this cache, in four places; each takes about a second to make."""
    phantom = Phantom.model_validate({"stream": True, "centers": ["ISLES"], "dirt": {"step_mm": 2.5}})
    cohort = CohortConfig(phantom=phantom, modalities=("DWI", "ADC"), unseen=())
    protocol = ImagingProtocol(("DWI", "ADC"), "lesion", "none", Imaging())
    entries = EntryRecipe(cache, protocol, (8.0, 6.0, 6.0), {}, None)
    slots = {f"ISLES-{number:04d}": f"sub-ISLES{number:04d}" for number in range(1, 5)}
    return Stream(Turns(slots, every), BrainRecipe.of(cohort, entries), as_it_is, processes)


def brains_of(stream: Stream, generations: int) -> list[FreshBrain]:
    """The first brains of a stream, in the order in which they take their places."""
    return [
        FreshBrain(key, name, generation)
        for generation in range(1, generations + 1)
        for key, name in stream.turns.slots.items()
    ]
