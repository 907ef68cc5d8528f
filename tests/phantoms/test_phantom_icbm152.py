"""Brains from the ICBM152 maps; on drawn maps, whose tissues are known, and on the real ones where nilearn is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study.config import Phantom
from study.errors import ConfigError
from study.phantoms import icbm152, simulate_phantoms
from study.phantoms.anatomy import draw_person
from study.phantoms.brain import Brain, Person
from study.phantoms.icbm152 import build_icbm152, template
from study.phantoms.roster import phantom_roster
from study.phantoms.simulate import simulate
from study.phantoms.susceptibility import to_brain_mm
from study.phantoms.vessels import SITES

SHAPE, ORIGIN = (197, 233, 189), (-98.0, -134.0, -72.0)  # of the maps in nilearn
installed = pytest.mark.skipif(find_spec("nilearn") is None, reason="the extra `anatomy` is not installed")


@pytest.fixture
def real() -> Iterator[None]:
    """The maps of nilearn, whatever an earlier test has read."""
    template.cache_clear()
    yield
    template.cache_clear()


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Maps of an ellipsoid of white matter in 10 mm of cortex, with a ball of fluid in the middle."""
    x, y, z = np.ogrid[tuple(slice(first, first + size) for first, size in zip(ORIGIN, SHAPE, strict=True))]
    depth = (1 - np.sqrt((x / 60) ** 2 + ((y + 15) / 75) ** 2 + ((z - 8) / 60) ** 2)) * 60
    brain, fluid = depth > 0, np.broadcast_to(np.sqrt(x**2 + (y + 15) ** 2 + (z - 8) ** 2) < 15, SHAPE)
    cortex = brain & (depth < 10)
    maps = {"t1": brain, "gm": cortex, "wm": brain & ~cortex & ~fluid}
    affine = np.eye(4)
    affine[:3, 3] = ORIGIN
    for name, mask in maps.items():
        file = tmp_path / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
        nib.save(nib.Nifti1Image((255 * mask).astype(np.uint8), affine), file)
    monkeypatch.setattr(icbm152, "require_icbm152", lambda: tmp_path)
    template.cache_clear()
    yield
    template.cache_clear()


def person(**changes: float) -> Person:
    one = draw_person(np.random.default_rng(0))
    return replace(one, scale=(0.93, 0.93, 0.93), **{"atrophy": 0.4, "ventricle": 0.9, **changes})


def near(brain: Brain, place: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    squared = sum((c - p) ** 2 for c, p in zip(brain.points, place, strict=True))
    return np.asarray(squared < radius_mm**2)


@pytest.mark.usefixtures("drawn")
def test_tissues_are_where_the_maps_have_them() -> None:
    brain = build_icbm152(person(), 2.5, np.random.default_rng(1))
    ventricle, white = near(brain, (0, -15, 8), 8), near(brain, (-30, 20, 28), 4)
    cortex = near(brain, (0, -15, 64), 3)  # 4 mm below the surface
    assert brain.fluid[ventricle].mean() > 0.95
    assert (brain.ventricles[ventricle] < 0).all()
    assert brain.fluid[white].max() < 0.05
    assert brain.shares["grey"][white].max() < 0.05
    assert brain.shares["grey"][cortex].mean() > 0.9
    assert (brain.inside[ventricle] < 0).all()
    assert brain.inside.max() > 3
    assert sum(brain.shares.values()).max() <= 1.0001


@pytest.mark.usefixtures("drawn")
def test_halves_differ_persons_differ_and_the_same_draw_repeats() -> None:
    first, again, other = (build_icbm152(person(), 3.0, np.random.default_rng(n)) for n in (1, 1, 2))
    np.testing.assert_array_equal(first.fluid, again.fluid)
    volumes = [(one.inside < 0).sum() for one in (first, other)]
    assert abs(volumes[0] - volumes[1]) / volumes[0] < 0.2
    assert first.lattice.where.shape != other.lattice.where.shape
    mirrored = first.lattice.spread(first.inside, 9)[::-1]
    assert ((mirrored < 0) != (first.lattice.spread(first.inside, 9) < 0)).sum() > 0.02 * volumes[0]


@pytest.mark.usefixtures("drawn")
def test_wider_ventricles_hold_more_fluid() -> None:
    narrow, wide = (build_icbm152(person(ventricle=v), 3.0, np.random.default_rng(1)) for v in (0.8, 2.0))
    deep = near(narrow, (0, -15, 8), 25)
    # A ball of 15 mm whose wall lies 3.6 mm further out has (18.6 / 15)³ = 1.9 times its volume.
    ratio = wide.fluid[deep].sum() / narrow.fluid[deep].sum()
    assert ratio == pytest.approx(1.9, rel=0.15)


@pytest.mark.usefixtures("drawn")
def test_arteries_are_found_again_in_the_deformed_brain() -> None:
    brain = build_icbm152(person(), 2.0, np.random.default_rng(3))
    wanted = np.asarray(SITES[0].path)
    found = to_brain_mm(wanted, brain)
    index = np.rint((found - brain.lattice.origin_mm) / brain.lattice.step_mm).astype(int)
    flat = np.ravel_multi_index(tuple(index.T), brain.lattice.shape)
    voxel = np.searchsorted(brain.lattice.where, flat)
    there = np.stack([coordinate[voxel] for coordinate in brain.points], axis=1)
    assert np.abs(there - wanted).max() < 2.5  # a voxel of 2 mm, and what is left of the inversion


@pytest.mark.usefixtures("drawn")
def test_the_deformation_does_not_fold() -> None:
    brain = build_icbm152(person(), 3.0, np.random.default_rng(4))
    maps = [brain.lattice.spread(coordinate, np.nan) for coordinate in brain.points]
    jacobian = np.stack([np.stack(np.gradient(place, 3.0)) for place in maps])
    there = np.moveaxis(jacobian[:, :, np.isfinite(jacobian).all(axis=(0, 1))], -1, 0)
    determinant = np.linalg.det(there)
    assert len(determinant) > 0.5 * len(brain.lattice.where)
    assert determinant.min() > 0
    assert determinant.std() > 0.05


def test_a_missing_package_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(icbm152, "find_spec", lambda name: None)
    settings = Phantom(centers=("ISLES",), subjects_per_center=1, anatomy="icbm152")
    with pytest.raises(ConfigError, match=r"pip install 'fadeout\[anatomy\]'"):
        simulate_phantoms(settings, tmp_path)
    assert not list(tmp_path.iterdir())


@installed
@pytest.mark.usefixtures("real")
def test_brains_of_the_real_maps_have_the_volumes_of_adults() -> None:
    brain = build_icbm152(person(), 1.7, np.random.default_rng(5))
    inside = brain.inside < 0
    solid_ml = float(((1 - brain.fluid) * inside).sum() * brain.lattice.voxel_ml)
    assert 900 < solid_ml < 1500
    grey_ml = float((brain.shares["grey"] * (1 - brain.fluid) * inside).sum() * brain.lattice.voxel_ml)
    assert 0.35 < grey_ml / solid_ml < 0.65
    ventricles_ml = float((brain.ventricles < 0).sum() * brain.lattice.voxel_ml)
    assert 8 < ventricles_ml < 80


@installed
@pytest.mark.usefixtures("real")
def test_a_subject_of_the_real_maps_is_simulated_with_its_lesion_in_the_brain() -> None:
    settings = Phantom(centers=("CHSF",), subjects_per_center=1, anatomy="icbm152")
    found = simulate(phantom_roster(settings)[0], settings)
    lesion, brain = found.masks["lesion"][0], found.masks["brain"][0]
    assert lesion.any()
    assert not (lesion & ~brain).any()
    assert {"ADC", "B0", "DWI", "SWAN", "PHASE"} == set(found.images)
    procedural = simulate(phantom_roster(settings)[0], settings.model_copy(update={"anatomy": "procedural"}))
    assert procedural.images["DWI"][0].shape != found.images["DWI"][0].shape
