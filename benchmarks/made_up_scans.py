"""Scans and masks that are made up, for the pictures of a report."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.config import Config
from study.imaging.entries import entry_folder
from study.imaging.prepared import Prepared
from study.imaging.stored import write_prepared
from study.imaging.volume import Grid
from study.records import PreparedSubject, StudyFolder, TrialFolder
from study.records.examples import Example, ExampleMask, Rank

RANKS: tuple[Rank, ...] = ("best", "median", "worst")


def write_examples(folder: StudyFolder, config: Config, trial: TrialFolder) -> None:
    """Three test subjects of each center with a lesion, its prediction, and a scan in the cache."""
    prepared = folder.prepared.read()
    tested = {*prepared.splits.test, *prepared.splits.unseen}
    by_center: dict[str, list[PreparedSubject]] = {}
    for one in prepared.used:
        if one.facts.key in tested:
            by_center.setdefault(one.facts.center, []).append(one)
    examples: list[Example] = []
    for center, subjects in by_center.items():
        for rank, subject in zip(RANKS, subjects, strict=False):
            rng = np.random.default_rng([len(examples), 3])
            image, lesion, found = _scan(rng, prepared.median_shape, len(config.cohort.modalities))
            _store(config, prepared.spacing_mm, subject, image, lesion)
            masks = tuple(ExampleMask(removed, 0.7, found) for removed in ("", "B0", "FLAIR", "ADC"))
            examples.append(Example(subject.facts.key, center, rank, lesion, masks))
    trial.examples.write(examples)


def _scan(
    rng: np.random.Generator, shape: tuple[int, int, int], modalities: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """A brain of smooth noise [M, D, H, W], a lesion in it, and the same lesion two voxels further."""
    from scipy.ndimage import gaussian_filter

    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 1
    texture = gaussian_filter(rng.normal(size=shape), 1.0) + 2.0
    place = rng.uniform(-0.4, 0.4, 3)
    lesion = sum((axis - at) ** 2 for axis, at in zip(axes, place, strict=True)) < rng.uniform(0.01, 0.08)
    channel = np.where(inside, texture + lesion, 0).astype(np.float32)
    return np.repeat(channel[None], modalities, axis=0), lesion & inside, np.roll(lesion, 2, axis=2) & inside


def _store(
    config: Config,
    spacing_mm: tuple[float, float, float],
    subject: PreparedSubject,
    image: NDArray[np.float32],
    lesion: NDArray[np.bool_],
) -> None:
    depth, rows, columns = lesion.shape
    grid = Grid((depth, rows, columns), np.diag([*spacing_mm, 1.0]))
    target = lesion.astype(np.uint8)
    scan = Prepared(
        facts=subject.facts,
        image=image,
        present=(True,) * len(image),
        target=target,
        foreground=np.argwhere(lesion)[:100].astype(np.int16),
        grid=grid,
        native=grid,
        native_target=target,
    )
    write_prepared(scan, entry_folder(config.cache_root, subject.address or ""))
