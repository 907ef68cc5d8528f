"""A bundle that computes what is not given: what it says of it, and what it predicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from study.deployment.bundle import read_bundle
from study.deployment.predictor import Bundle, load_bundle
from study.workflow.export import export_bundle

MODEL = {"model": {"patch_size": [8, 16, 16], "stages": 2, "base_channels": 4, "deep_supervision": False}}
PHYSICS = {"imputation": {"kind": "physics", "b_value_s_mm2": 900.0}}


@pytest.fixture(scope="module")
def bundle_of(make_study: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Mapping], Path]:
    def make(sections: Mapping) -> Path:
        folder = tmp_path_factory.mktemp("study")
        export_bundle(make_study(folder, MODEL | dict(sections), (9, 16, 16)).folder, folder / "bundle")
        return folder / "bundle"

    return make


@pytest.fixture(scope="module")
def computing(bundle_of: Callable) -> Bundle:
    return load_bundle(bundle_of(PHYSICS), "cpu")


def test_the_bundle_says_that_it_computes_and_with_which_b(bundle_of: Callable) -> None:
    contents = read_bundle(bundle_of(PHYSICS))
    assert contents.manifest.preparation.computing_b_s_mm2 == 900
    assert "computed from these (Stejskal-Tanner, b = 900 s/mm²" in contents.card
    plain = read_bundle(bundle_of({}))
    assert plain.manifest.preparation.computing_b_s_mm2 is None
    assert "Stejskal" not in plain.card


def test_a_prediction_without_b0_sees_it_computed_and_says_so(
    computing: Bundle, bundle_of: Callable, scan: Callable, tmp_path: Path
) -> None:
    files = scan(tmp_path, "one", 3)
    given = {name: files[name] for name in ("DWI", "ADC")}
    found = computing.predict(given, implausible="warn")
    assert found.remarks == ("with B0 computed from DWI and ADC",)
    assert (found.absent, found.computed) == (("B0",), ("B0",))
    plain = load_bundle(bundle_of({}), "cpu").predict(given, implausible="warn")
    assert plain.remarks == ("without B0",)
    assert not np.allclose(found.probability, plain.probability)


def test_with_all_that_it_takes_or_one_of_the_three_nothing_is_computed(
    computing: Bundle, bundle_of: Callable, scan: Callable, tmp_path: Path
) -> None:
    files, plain = scan(tmp_path, "one", 3), load_bundle(bundle_of({}), "cpu")
    for names in (("DWI", "ADC", "B0"), ("DWI",)):
        given = {name: files[name] for name in names}
        found = computing.predict(given, implausible="warn")
        assert found.computed == ()
        np.testing.assert_array_equal(found.probability, plain.predict(given, implausible="warn").probability)
