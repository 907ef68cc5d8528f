from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from models import Scans, plan_model, read_plan
from study.config import Model

NAMES = ["unet2d", "urn"]


def plan(name: str = "unet2d", median_shape: tuple[int, int, int] = (24, 190, 160), **changes: Any) -> Any:
    modalities = changes.pop("modalities", ("DWI", "ADC", "B0"))
    settings = Model.model_validate({"name": name, **changes}).model_dump()
    return plan_model(name, settings, Scans(modalities, median_shape, (5.0, 1.0, 1.0), 4))


@pytest.mark.parametrize("name", NAMES)
def test_four_levels_from_32_channels(name: str) -> None:
    planned = plan(name)
    assert planned.features == (32, 64, 128, 256)
    assert planned.levels == 4
    assert planned.divisor == (1, 8, 8)


def test_levels_and_channels_are_set() -> None:
    planned = plan(stages=5, base_channels=8, max_channels=50)
    assert planned.features == (8, 16, 32, 50, 50)
    assert planned.divisor == (1, 16, 16)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("median", "patch"),
    [
        pytest.param((24, 190, 160), (1, 192, 160), id="rounded up to multiples of 8"),
        pytest.param((24, 512, 250), (1, 256, 256), id="at most 256"),
        pytest.param((1, 16, 9), (1, 16, 16), id="small"),
    ],
)
def test_a_patch_is_one_slice_of_the_median_subject(
    name: str, median: tuple[int, int, int], patch: tuple[int, int, int]
) -> None:
    assert plan(name, median).patch_size == patch


@pytest.mark.parametrize("name", NAMES)
def test_a_given_patch_may_have_any_number_of_slices(name: str) -> None:
    assert plan(name, patch_size=(13, 64, 40)).patch_size == (13, 64, 40)


@pytest.mark.parametrize("name", NAMES)
def test_a_patch_that_cannot_be_halved_is_answered_with_those_that_can(name: str) -> None:
    message = r"model\.patch_size: 100×4 in plane is not divisible by 8, .* 4 levels .*these would do: 96 or 104 × 8$"
    with pytest.raises(ValueError, match=message):
        plan(name, patch_size=(3, 100, 4))


@pytest.mark.parametrize("name", NAMES)
def test_one_voxel_at_the_lowest_level_is_refused_as_batches_of_one_cannot_be_normalised(name: str) -> None:
    with pytest.raises(ValueError, match=r"model\.patch_size: 8×8 .* would do: 8 × 16 .* model\.stages=3"):
        plan(name, patch_size=(1, 8, 8))
    assert plan(name, patch_size=(1, 8, 16)).patch_size == (1, 8, 16)


def test_the_unified_network_has_its_own_sizes() -> None:
    planned = plan("urn")
    assert (planned.channels, planned.decoder_channels, planned.fusion) == (16, 32, "mean")
    other = plan("urn", unified={"channels": 4, "decoder_channels": 6, "fusion": "log_mean_exp"})
    assert (other.channels, other.decoder_channels, other.fusion) == (4, 6, "log_mean_exp")


def test_a_modality_with_a_dot_cannot_name_an_encoder() -> None:
    with pytest.raises(ValueError, match=r"cohort\.modalities: T1\.post .* these would do: T1_post$"):
        plan("urn", modalities=("FLAIR", "T1.post"))
    assert plan(modalities=("FLAIR", "T1.post")).n_inputs == 2


@pytest.mark.parametrize("name", NAMES)
def test_plans_survive_json(name: str) -> None:
    planned = plan(name)
    assert read_plan(name, json.loads(json.dumps(planned.to_dict()))) == planned


def test_planning_needs_no_torch() -> None:
    code = "import sys, models.parts.plane_planning; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_description_names_the_fields_of_the_network_s_own() -> None:
    assert plan("urn").describe() == [
        "features          (32, 64, 128, 256)",
        "channels          16",
        "decoder_channels  32",
        "fusion            mean",
    ]
    assert plan().memory_gb(2) is None
