"""Signals of structural images, by hand, and what they show of simulated tissue."""

from __future__ import annotations

import numpy as np
import pytest

from study.config import Phantom
from study.phantoms.altered import Patch, Pathology, Relaxation, altered_tissue, relaxivity
from study.phantoms.physics import inversion_recovery, nulling_ms, spin_echo, with_agent
from study.phantoms.roster import phantom_roster
from study.phantoms.session import Simulation
from study.phantoms.simulate import simulate
from study.phantoms.tissue import tissues


def array(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def test_an_inversion_is_computed_as_by_hand() -> None:
    # 0.71 · exp(−120 / 70) · (1 − 2 exp(−2400 / 880) + exp(−9500 / 880)) = 0.71 · 0.18009 · 0.86926
    found = inversion_recovery(array(0.71), array(880), array(70), te_ms=120, tr_ms=9500, ti_ms=2400)
    assert found[0] == pytest.approx(0.11116, rel=1e-3)
    # Before the signal crosses zero its magnitude is measured: 1 − 2 exp(−300 / 880) + 0 = −0.42226
    early = inversion_recovery(array(1), array(880), array(1e9), te_ms=0, tr_ms=1e9, ti_ms=300)
    assert early[0] == pytest.approx(0.42226, rel=1e-3)


def test_the_inversion_time_of_flair_nulls_fluid() -> None:
    # 4300 · ln(2 / (1 + exp(−5000 / 4300))) = 4300 · 0.42113; with a long TR it is T1 · ln 2
    assert nulling_ms(4300, 5000) == pytest.approx(1810.9, abs=0.3)
    assert nulling_ms(1000, 1e6) == pytest.approx(693.15, abs=0.01)
    for tr_ms in (5000, 9500):
        fluid = inversion_recovery(
            array(1), array(4300), array(1600), te_ms=120, tr_ms=tr_ms, ti_ms=nulling_ms(4300, tr_ms)
        )
        assert fluid[0] == pytest.approx(0, abs=1e-5)


def test_contrast_agent_shortens_t1_by_relaxivity_times_concentration() -> None:
    # 1 / (1 / 1550 + 0.003 · 0.26) = 701.7 ms
    assert with_agent(array(1550), array(0.26), 3.0)[0] == pytest.approx(701.7, abs=0.2)
    assert with_agent(array(1550), array(0.0), 3.0)[0] == pytest.approx(1550)
    assert (relaxivity(1.5), relaxivity(3.0)) == (3.32, 3.0)


def test_enhancing_tumour_falls_in_t1_as_far_as_reported() -> None:
    table = altered_tissue(3.0, np.random.default_rng(0), 0.0)
    falls = {}
    for name in ("enhancing", "oedema"):
        tissue = table[name]
        after = with_agent(array(tissue.t1_ms), array(tissue.agent_mm), relaxivity(3.0))[0]
        falls[name] = tissue.t1_ms - float(after)
    assert falls["enhancing"] == pytest.approx(838, abs=40)
    assert falls["oedema"] == pytest.approx(123, abs=40)


def test_oedema_and_plaques_are_brighter_than_white_matter_in_flair_and_t2() -> None:
    for field_t, ti_ms in ((1.5, nulling_ms(4200, 9500)), (3.0, nulling_ms(4300, 9500))):
        rng = np.random.default_rng(0)
        white, altered = tissues(field_t, rng, 0.0)["white"], altered_tissue(field_t, rng, 0.0)

        def seen(one: Relaxation, te_ms: float, tr_ms: float, ti_ms: float | None = None) -> float:
            values = (array(one.pd), array(one.t1_ms), array(one.t2_ms))
            if ti_ms is None:
                return float(spin_echo(*values, te_ms=te_ms, tr_ms=tr_ms)[0])
            return float(inversion_recovery(*values, te_ms=te_ms, tr_ms=tr_ms, ti_ms=ti_ms)[0])

        normal = Relaxation(white.pd, white.t1_ms, white.t2_ms, 0.0)
        for name in ("oedema", "plaque"):
            assert seen(altered[name], 120, 9500, ti_ms) > 1.25 * seen(normal, 120, 9500, ti_ms)
            assert seen(altered[name], 95, 4000) > 1.25 * seen(normal, 95, 4000)


def test_patches_are_painted_one_over_the_other() -> None:
    where, tissue = np.array([1, 2]), Relaxation(0.9, 2000, 200, 0.5)
    pathology = Pathology([Patch(where, np.array([1.0, 0.25], np.float32), tissue)])
    maps = {"t1_ms": np.full(4, 1000, np.float32), "agent_mm": np.zeros(4, np.float32)}
    pathology.paint(maps)
    np.testing.assert_allclose(maps["t1_ms"], [1000, 2000, 1250, 1000])
    np.testing.assert_allclose(maps["agent_mm"], [0, 0.5, 0.125, 0])


@pytest.fixture(scope="module")
def tumour() -> Simulation:
    """A glioblastoma at 3 T."""
    settings = Phantom(centers=("CBICA",))
    return simulate(phantom_roster(settings)[0], settings)


@pytest.fixture(scope="module")
def sclerosis() -> Simulation:
    settings = Phantom(centers=("OFSEP",))
    return simulate(phantom_roster(settings)[0], settings)


def medians(found: Simulation, modality: str, **places: np.ndarray) -> dict[str, float]:
    """Median of an image in some places, over that in the brain."""
    image, brain = found.images[modality][0].astype(float), found.masks["brain"][0] > 0
    return {name: float(np.median(image[place]) / np.median(image[brain])) for name, place in places.items()}


def fluid_of(found: Simulation) -> np.ndarray:
    """Voxels that T2 shows to be fluid."""
    t2, brain = found.images["T2"][0].astype(float), found.masks["brain"][0] > 0
    return np.asarray(brain & (t2 > 0.75 * t2[brain].max()) & (found.masks["lesion"][0] == 0))


def test_fluid_is_dark_in_flair_and_t1(tumour: Simulation, sclerosis: Simulation) -> None:
    for found in (tumour, sclerosis):
        fluid = fluid_of(found)
        assert fluid.sum() > 20
        assert medians(found, "FLAIR", fluid=fluid)["fluid"] < 0.45
        assert medians(found, "T1", fluid=fluid)["fluid"] < 0.6


def test_the_rim_enhances_and_the_dead_core_does_not(tumour: Simulation) -> None:
    labels = tumour.masks["regions"][0]
    places = {"dead": labels == 1, "rim": labels == 4}
    before, after = medians(tumour, "T1", **places), medians(tumour, "T1c", **places)
    assert after["rim"] > 1.3 * before["rim"]
    assert after["rim"] > 1.6 * after["dead"]


def test_oedema_is_bright_in_flair_and_dark_in_t1(tumour: Simulation) -> None:
    oedema = tumour.masks["regions"][0] == 2
    assert medians(tumour, "FLAIR", oedema=oedema)["oedema"] > 1.3
    t1 = tumour.images["T1"][0]
    white = np.percentile(t1[tumour.masks["brain"][0] > 0], 75)
    assert np.median(t1[oedema]) < 0.9 * white


def test_plaques_are_bright_in_flair_t2_and_pd(sclerosis: Simulation) -> None:
    lesion = sclerosis.masks["lesion"][0] > 0
    for modality, least in (("FLAIR", 1.2), ("T2", 1.05), ("PD", 1.0)):
        assert medians(sclerosis, modality, lesion=lesion)["lesion"] > least
