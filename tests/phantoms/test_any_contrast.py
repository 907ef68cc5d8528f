"""Phantoms of any contrast: what varies, what stays, and that images of one phantom still agree."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from study.config import Phantom
from study.phantoms.roster import phantom_roster
from study.phantoms.session import Simulation
from study.phantoms.simulate import simulate
from study.phantoms.tissue import tissues, with_any_contrast


def simulated(name: str, share: float) -> Simulation:
    settings = Phantom.model_validate({"random_contrast": share, "dirt": {"step_mm": 2.5}})
    return simulate(next(one for one in phantom_roster(settings) if one.id == name), settings)


def drawn(count: int) -> list[dict[str, Any]]:
    table = tissues(1.5, np.random.default_rng(0), 0.04)
    made = (with_any_contrast(table, np.random.default_rng(number)) for number in range(count))
    return [{name: asdict(tissue) for name, tissue in one.items()} for one in made]


def test_each_tissue_has_a_contrast_of_its_own_far_beyond_health() -> None:
    tables = drawn(200)
    brighter = np.mean([one["grey"]["t2_ms"] > one["white"]["t2_ms"] for one in tables])
    assert 0.4 < brighter < 0.6  # always, in health
    for name in ("white", "grey", "thalamus"):
        values = np.array([one[name]["adc"] for one in tables])
        assert values.min() < 0.55
        assert values.max() > 1.1
    white, grey = (np.array([one[name]["adc"] for one in tables]) for name in ("white", "grey"))
    assert abs(np.corrcoef(white, grey)[0, 1]) < 0.2


def test_water_stays_water() -> None:
    health = asdict(tissues(1.5, np.random.default_rng(0), 0.04)["fluid"])
    assert all(one["fluid"] == health for one in drawn(5))


def test_tissues_change_and_nothing_else_does() -> None:
    plain, every = (simulated("sub-CHSF0001", share) for share in (0.0, 1.0))
    for what in ("person", "acquisition"):
        assert every.truth[what] == plain.truth[what]
    assert every.truth["tissues"]["white"] != plain.truth["tissues"]["white"]
    for name in ("lesion", "brain"):
        np.testing.assert_array_equal(every.masks[name][0], plain.masks[name][0])
    assert not np.array_equal(every.images["DWI"][0], plain.images["DWI"][0])


def test_images_of_any_contrast_obey_the_diffusion_equation() -> None:
    simulation = simulated("sub-CHSF0001", 1.0)
    b0, dwi, adc = (simulation.images[name][0].astype(float) for name in ("B0", "DWI", "ADC"))
    bright = dwi > np.median(dwi[dwi > 0])
    b = simulation.truth["acquisition"]["b_s_per_mm2"]
    assert simulation.truth["acquisition"]["adc_unit"] == "1e-6 mm2/s"
    np.testing.assert_allclose(dwi[bright], b0[bright] * np.exp(-b * adc[bright] * 1e-6), rtol=0.02)


def test_a_share_of_the_phantoms_has_it() -> None:
    names = [f"sub-ISLES{number:04d}" for number in range(1, 7)]
    found = [
        simulated(name, 0.5).truth["tissues"]["white"] == simulated(name, 0.0).truth["tissues"]["white"]
        for name in names
    ]
    assert set(found) == {True, False}


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_one(share: float) -> None:
    with pytest.raises(ValueError, match="random_contrast"):
        Phantom(random_contrast=share)
