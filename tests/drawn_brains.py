"""A brain of white matter, grey matter and fluid in numbers, and what an MR scanner would make of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np

from study.imaging.intensities import Intensities
from study.imaging.measure import measure
from study.imaging.stack import Stack
from study.imaging.units import fault, unit_factor
from study.imaging.volume import Grid, Volume

SHAPE = (20, 24, 24)
GRID = Grid(SHAPE, np.diag([5.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]])
AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])  # of files: x, y, z
# Mean signal in white matter, grey matter and fluid; ADC in 10⁻³ mm²/s.
SIGNALS = {
    "ADC": (0.7, 0.85, 3.0),
    "B0": (900.0, 1200.0, 3200.0),
    "T1": (400.0, 300.0, 80.0),
    "T2": (250.0, 330.0, 900.0),
    "FLAIR": (85.0, 100.0, 20.0),
    "SWAN": (950.0, 1050.0, 800.0),
}
BRAIN = np.zeros(SHAPE, bool)
BRAIN[2:-2, 3:-3, 3:-3] = True


def draw_brain(seed: int = 0, *, noise: float = 0.06, lesion: float = 0.0) -> dict[str, np.ndarray]:
    """Images [D, H, W], 0 outside of the brain; `lesion` is the share of the tissue with an acute stroke."""
    rng = np.random.default_rng(seed)
    tissue = rng.choice(3, SHAPE, p=(0.45, 0.4, 0.15))
    stroke = (tissue < 2) & (rng.random(SHAPE) < lesion)
    images = {}
    for name, signals in SIGNALS.items():
        image = np.asarray(signals)[tissue]
        if name == "ADC":
            image = np.where(stroke, 0.45, image)
        images[name] = image * (1 + noise * rng.normal(size=SHAPE))
    images["DWI"] = images["B0"] * np.exp(-images["ADC"]) * (1 + 0.02 * rng.normal(size=SHAPE))
    images["PHASE"] = rng.normal(0, 200, SHAPE)
    return {name: np.where(BRAIN, image, 0).astype(np.float32) for name, image in images.items()}


def stacked(images: Mapping[str, np.ndarray]) -> Stack:
    """The images as the preparation stacks them, without resampling."""
    usable = {name: image for name, image in images.items() if not fault(image[BRAIN], name)}
    factors = {name: unit_factor(images[name][BRAIN], name) if name in usable else 1.0 for name in images}
    return Stack(
        images={name: image * np.float32(factors[name]) for name, image in usable.items()},
        inside=dict.fromkeys(images, BRAIN),
        factors=factors,
        unusable={name: image for name, image in images.items() if name not in usable},
        grid=GRID,
        problems=(),
    )


def intensities(images: Mapping[str, np.ndarray]) -> Intensities:
    return measure({name: Volume(image, GRID) for name, image in images.items()}, stacked(images))


def exchanged(images: Mapping[str, np.ndarray], first: str, second: str) -> dict[str, np.ndarray]:
    return {**images, first: images[second], second: images[first]}


def chosen(images: Mapping[str, np.ndarray], names: str) -> dict[str, np.ndarray]:
    """Some of the images, `DWI+ADC`."""
    return {name: images[name] for name in names.split("+")}


def write_images(folder: Path, name: str, images: Mapping[str, np.ndarray]) -> dict[str, Path]:
    """The images as files `<name>_<MODALITY>.nii.gz`."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {modality: folder / f"{name}_{modality}.nii.gz" for modality in images}
    for modality, path in files.items():
        nib.save(nib.Nifti1Image(images[modality].T, AFFINE), path)
    return files
