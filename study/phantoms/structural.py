"""One patient with a tumour or with multiple sclerosis, from the line in the roster to images, masks and truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from study.config import Phantom
from study.phantoms.acquisition import VoxelGrid, coil_bias, draw_grid, oriented, sampled, voxels
from study.phantoms.altered import Pathology, Relaxation, altered_tissue, healthy_tissue
from study.phantoms.anatomy import draw_person
from study.phantoms.brain import Brain, Person
from study.phantoms.centers import GridRange
from study.phantoms.dirt import soil
from study.phantoms.distractors import Changes, add_hyperintensities, add_texture
from study.phantoms.plaques import draw_plaques, show_plaques
from study.phantoms.roster import PhantomSubject, pick
from study.phantoms.session import Simulation
from study.phantoms.shapes import Field
from study.phantoms.structural_centers import STRUCTURAL, Scanner, Space, StructuralCenter
from study.phantoms.structural_images import Drawn, Examined, acquire, draw_insets, draw_parameters
from study.phantoms.tumours import LABELS, displaced, draw_focus, draw_tumour

Generator = Callable[[int, int], np.random.Generator]
_AGES = {"HGG": (60, 12, (20, 88)), "LGG": (42, 12, (18, 80)), "": (44, 10, (20, 70))}  # assumed
_LOG_GAIN = {"GE": 7.0, "Siemens": 6.2, "Philips": 6.6}  # of the stored value of tissue
_GOLDEN = 0.6180339887498949
_SMALLEST_ML = 0.003  # of what a rater draws


def simulate_structural(
    subject: PhantomSubject,
    settings: Phantom,
    generator: Generator,
    build: Callable[[Person, np.random.Generator], Brain],
) -> Simulation:
    """Simulate one examination.

    Args:
        subject: of a center in `STRUCTURAL`.
        settings: how phantoms are simulated.
        generator: of random numbers, by the number of a subject and a purpose.
        build: a person's brain.
    """
    center = STRUCTURAL[subject.center]
    body, rng = generator(subject.anatomy, 0), generator(subject.number, 1)
    scanner = center.scanners[pick(center.scanners, subject.anatomy * _GOLDEN % 1)][0]
    spread = 0.03 + 0.08 * settings.randomisation
    altered = altered_tissue(scanner.field_t, generator(subject.anatomy, 4), 2 * spread)
    mean, deviation, limits = _AGES[subject.grade]
    brain = build(draw_person(body, mean, deviation, limits), body)
    brain, pathology = _diseased(brain, subject, center, altered, body)
    changes = _changes(brain, center, settings, body, generator(subject.number, 3))
    shift, common = _common_grid(brain, center.space, settings, rng)
    examined = Examined(
        brain=brain,
        pathology=pathology,
        changes=changes,
        insets=draw_insets(brain, body),
        tissues=healthy_tissue(scanner.field_t, rng, spread),
        altered=altered,
        field_t=scanner.field_t,
        dirt=settings.dirt,
        shift_mm=shift,
        randomisation=settings.randomisation,
    )
    simulation = Simulation(truth=_truth(subject, examined, scanner))
    _add_masks(simulation, examined, center, common, rng)
    _add_images(simulation, examined, center, scanner, settings.size, common, rng)
    return simulation


def _diseased(
    brain: Brain,
    subject: PhantomSubject,
    center: StructuralCenter,
    altered: dict[str, Relaxation],
    rng: np.random.Generator,
) -> tuple[Brain, Pathology]:
    if center.disease == "ms":
        plaques = draw_plaques(brain, center.load_ml, max(center.full), rng)
        return brain, show_plaques(brain, plaques, subject.visit, altered, rng)
    high = subject.grade == "HGG"
    focus = draw_focus(brain, center.load_ml, high_grade=high, rng=rng)
    brain = displaced(brain, focus)
    return brain, draw_tumour(brain, focus, altered, high_grade=high, rng=rng)


def _changes(
    brain: Brain,
    center: StructuralCenter,
    settings: Phantom,
    rng: np.random.Generator,
    soiling: np.random.Generator,
) -> Changes:
    """Texture; hyperintensities of age beside a tumour, and a slight haze at the ventricles beside plaques."""
    t2, adc, signal = (np.ones_like(brain.fluid) for _ in range(3))
    changes = Changes(t2, adc, signal)
    add_texture(brain, changes, rng)
    if center.disease == "tumour":
        add_hyperintensities(brain, changes, rng)
    else:
        haze = rng.uniform(0.02, 0.10) * np.exp(-np.maximum(brain.ventricles, 0) / 5)
        changes.t2 *= np.asarray(1 + haze * (1 - brain.shares["grey"]), np.float32)
    local = {"bright_zones": 0.0, "shine_through": 0.0, "dark_spots": 0.0}  # of diffusion images
    soil(brain, changes, settings.dirt.model_copy(update=local), soiling)
    return changes


def _common_grid(
    brain: Brain, space: Space, settings: Phantom, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float64], VoxelGrid]:
    """Where the brain lies, and the grid of all its images: the set's own, or one that is cropped to the brain."""
    spacing = space.spacing_mm[0 if settings.size == "small" else 1]
    if space.shape_mm is None:
        shift = np.round(rng.normal(0, (2, 6, 8)))
        limits = GridRange((spacing, spacing), (spacing, spacing))
        return shift, draw_grid(brain, limits, np.eye(3), space.orientation, shift, 0.0, rng)
    lattice = brain.lattice
    index = np.stack(np.unravel_index(lattice.where[brain.inside < 0], lattice.shape), axis=1)
    low, high = (
        lattice.origin_mm + lattice.step_mm * edge for edge in (index.min(axis=0), index.max(axis=0))
    )
    shape = np.ceil(np.asarray(space.shape_mm) / spacing).astype(int)
    first = np.asarray(space.origin_mm, float)
    shift = first + (shape - 1) / 2 * spacing - (low + high) / 2
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = first
    start = np.maximum(np.floor((low + shift - first) / spacing).astype(int) - 2, 0)
    stop = np.minimum(np.ceil((high + shift - first) / spacing).astype(int) + 3, shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    grid = VoxelGrid((int(shape[0]), int(shape[1]), int(shape[2])), affine, (box[0], box[1], box[2]))
    return shift, oriented(grid, space.orientation)


def _add_masks(
    simulation: Simulation,
    examined: Examined,
    center: StructuralCenter,
    common: VoxelGrid,
    rng: np.random.Generator,
) -> None:
    brain, shift = examined.brain, examined.shift_mm

    def on_grid(share: Field) -> Field:
        return voxels(brain.lattice.spread(share), brain.lattice, common, shift, 0.0)

    outline = brain.lattice.spread(-brain.inside, -6)
    inside = sampled(outline, brain.lattice, shift, common.box_affine, common.box_shape) > 0
    shares = {name: on_grid(share) * inside for name, share in examined.pathology.regions.items()}
    if center.disease == "tumour":
        labels = _label_map(shares)
        found = {"regions": labels, "lesion": labels > 0}
    else:
        found = {"lesion": _drawn_by_rater(shares["lesion"], common)}
        if center.raters > 1:
            found["second_rater"] = _drawn_by_rater(_seen_differently(shares["lesion"], rng), common)
    found["brain"] = inside
    for name in center.masks:
        simulation.masks[name] = (common.embed(found[name].astype(np.uint8)), common.affine)
    voxel_ml = float(np.prod(common.spacing_mm)) / 1000
    simulation.truth["lesion"] |= {"mask_ml": float(found["lesion"].sum()) * voxel_ml}


def _label_map(shares: dict[str, Field]) -> npt.NDArray[np.uint8]:
    """The label with the largest share, where altered tissue fills at least half of a voxel."""
    values = sorted(set(LABELS.values()))
    by_label = [sum(shares[name] for name, label in LABELS.items() if label == value) for value in values]
    total = sum(by_label)
    largest = np.asarray(values, np.uint8)[np.argmax(np.stack(by_label), axis=0)]
    return np.asarray(np.where(total >= 0.5, largest, 0), np.uint8)


def _drawn_by_rater(share: Field, grid: VoxelGrid) -> npt.NDArray[np.bool_]:
    """Where a lesion fills half of a voxel, without specks that nobody draws."""
    mask = share >= 0.5
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1) * float(np.prod(grid.spacing_mm)) / 1000
    return np.asarray(mask & (sizes >= _SMALLEST_ML)[parts], bool)


def _seen_differently(share: Field, rng: np.random.Generator) -> Field:
    """The shares as another rater judges them: larger here and smaller there, some small lesions not at all."""
    taste = ndimage.gaussian_filter(rng.standard_normal(share.shape, dtype=np.float32), 3)
    taste *= np.float32(0.16) / taste.std()
    parts, count = ndimage.label(share > 0.3)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    missed = (rng.random(count + 1) < 0.5 * np.exp(-sizes / 12)) & (sizes > 0)
    missed[0] = False
    return np.asarray((share + (share > 0.05) * taste + rng.normal(0.03, 0.04)) * ~missed[parts], np.float32)


def _add_images(
    simulation: Simulation,
    examined: Examined,
    center: StructuralCenter,
    scanner: Scanner,
    size: str,
    common: VoxelGrid,
    rng: np.random.Generator,
) -> None:
    inside = simulation.masks["brain"][0][common.box] > 0
    bias = coil_bias(examined.brain, float(rng.uniform(*center.bias)) * examined.dirt.bias, rng)
    sequences: dict[str, Any] = {}
    for modality in center.modalities:
        drawn: Drawn = draw_parameters(scanner.sequences[modality], scanner.snr, examined, rng)
        gain = np.float32(np.exp(rng.normal(_LOG_GAIN[scanner.vendor], 0.2)))
        image = acquire(examined, drawn, bias, size, common, rng) * inside * gain
        stored = np.rint(image).clip(0, 32767).astype(np.int16) if center.whole_numbers else image
        simulation.images[modality] = (common.embed(stored), common.affine)
        sequences[modality] = asdict(drawn)
    simulation.truth["sequences"] = sequences


def _truth(subject: PhantomSubject, examined: Examined, scanner: Scanner) -> dict[str, Any]:
    return {
        "id": subject.id,
        "patient": subject.patient,
        "center": subject.center,
        "kind": subject.kind,
        "grade": subject.grade,
        "visit": subject.visit,
        "person": asdict(examined.brain.person),
        "scanner": {"vendor": scanner.vendor, "field_t": scanner.field_t},
        "tissues": {name: asdict(tissue) for name, tissue in examined.tissues.items()},
        "altered": {name: asdict(tissue) for name, tissue in examined.altered.items()},
        "distractors": examined.changes.truth,
        "lesion": dict(examined.pathology.truth),
    }
