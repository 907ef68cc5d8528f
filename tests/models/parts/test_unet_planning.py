"""Plans against those that nnU-Net made for the Medical Segmentation Decathlon and an angiography cohort."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

from models import MODELS, Scans, build_model, plan_model, read_plan
from models.parts.unet_planning import UNetPlan
from study.config import Model


def plan(
    name: str = "nnunet",
    median_shape: tuple[int, int, int] = (138, 170, 138),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    batch_size: int = 2,
    **changes: Any,
) -> UNetPlan:
    scans = Scans(("DWI",), median_shape, spacing_mm, batch_size)
    planned = plan_model(name, Model.model_validate({"name": name, **changes}).model_dump(), scans)
    assert isinstance(planned, UNetPlan)
    return planned


@pytest.mark.parametrize(
    ("median_shape", "spacing_mm", "patch", "pooled"),
    [
        pytest.param((138, 169, 138), (1.0, 1.0, 1.0), (128, 128, 128), (5, 5, 5), id="brain tumours"),
        pytest.param((115, 320, 232), (1.37, 1.25, 1.25), (80, 192, 160), (4, 5, 5), id="heart"),
        pytest.param((482, 512, 512), (1.0, 0.7676, 0.7676), (128, 128, 128), (5, 5, 5), id="liver"),
        pytest.param((36, 50, 35), (1.0, 1.0, 1.0), (40, 56, 40), (3, 3, 3), id="hippocampus"),
        pytest.param((20, 320, 319), (3.6, 0.62, 0.62), (20, 320, 256), (2, 6, 6), id="prostate"),
        pytest.param((96, 512, 512), (2.5, 0.8, 0.8), (40, 224, 224), (3, 5, 5), id="pancreas"),
        pytest.param((187, 512, 512), (1.6, 0.79, 0.79), (64, 192, 160), (4, 5, 5), id="spleen"),
        pytest.param((219, 446, 368), (0.5, 0.382, 0.382), (80, 192, 160), (4, 5, 5), id="angiography"),
    ],
)
def test_patch_and_pooling_are_those_that_nnunet_made(
    median_shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    patch: tuple[int, int, int],
    pooled: tuple[int, int, int],
) -> None:
    planned = plan(median_shape=median_shape, spacing_mm=spacing_mm)
    assert planned.patch_size == patch
    assert planned.divisor == tuple(2**n for n in pooled)


def test_kernels_ignore_an_axis_until_the_others_are_as_coarse() -> None:
    planned = plan(median_shape=(20, 320, 319), spacing_mm=(3.6, 0.62, 0.62))
    assert planned.strides == ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
    assert planned.kernel_sizes == ((1, 3, 3), (1, 3, 3)) + ((3, 3, 3),) * 5


def test_six_stages_of_the_plain_network_have_31_2_million_parameters() -> None:
    planned = plan()
    assert planned.features == (32, 64, 128, 256, 320, 320)
    with torch.device("meta"):
        network = build_model("nnunet", planned)
    count = sum(parameter.numel() for parameter in network.parameters())
    encoder = decoder = heads = 0
    inputs = (1, 32, 64, 128, 256, 320)
    for before, after in zip(inputs, planned.features, strict=True):
        encoder += 27 * (before * after + after * after) + 6 * after  # weights; bias, scale and shift of both
    for below, after in zip((320, 320, 256, 128, 64), (320, 256, 128, 64, 32), strict=True):
        decoder += 8 * below * after + after + 27 * 3 * after * after + 6 * after
        heads += 2 * after + 2
    assert count == encoder + decoder + heads
    assert round(count / 1e6, 1) == 31.2


def test_the_residual_network_has_its_own_blocks() -> None:
    planned = plan("resenc_unet")
    assert planned.convs_encoder == (1, 3, 4, 6, 6, 6)
    assert planned.convs_decoder == (1, 1, 1, 1, 1)
    assert plan().convs_encoder == (2,) * 6
    assert plan().convs_decoder == (2,) * 5


@pytest.mark.parametrize("name", ["nnunet", "resenc_unet", "multiunet"])
@pytest.mark.parametrize("memory_gb", [0.3, 1.0, 4.0, 24.0])
@pytest.mark.parametrize(
    ("median_shape", "spacing_mm"),
    [((24, 110, 90), (6.0, 2.0, 2.0)), ((73, 112, 112), (2.0, 2.0, 2.0)), ((1, 200, 180), (5.0, 1.0, 1.0))],
    ids=str,
)
def test_plans_fit_the_memory_the_median_subject_and_their_strides(
    name: str, memory_gb: float, median_shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> None:
    planned = plan(
        name, median_shape=median_shape, spacing_mm=spacing_mm, memory_gb=memory_gb, base_channels=8
    )
    assert planned.memory_gb(2) <= memory_gb
    for edge, divisor, median in zip(planned.patch_size, planned.divisor, median_shape, strict=True):
        assert edge % divisor == 0
        assert edge < median + divisor  # the median subject, padded
    larger = plan(
        name, median_shape=median_shape, spacing_mm=spacing_mm, memory_gb=4 * memory_gb, base_channels=8
    )
    assert larger.memory_gb(2) >= planned.memory_gb(2)


def test_a_larger_batch_gets_a_smaller_patch() -> None:
    assert torch.Size(plan(batch_size=8).patch_size).numel() < torch.Size(plan().patch_size).numel()


def test_memory_grows_with_the_batch() -> None:
    planned = plan()
    assert planned.memory_gb(6) == pytest.approx(3 * planned.memory_gb(2))


def test_stages_and_patch_override() -> None:
    planned = plan(
        stages=4, patch_size=(16, 48, 48), spacing_mm=(5.0, 2.0, 2.0), base_channels=8, max_channels=40
    )
    assert planned.patch_size == (16, 48, 48)
    assert planned.strides == ((1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 2, 2))
    assert planned.kernel_sizes == ((1, 3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
    assert planned.features == (8, 16, 32, 40)
    assert plan(stages=3).stages == 3


def test_a_patch_that_strides_do_not_divide_is_answered_with_those_that_would_do() -> None:
    message = r"15×48×50 is not divisible by 4×8×8, .* 4 stages; these would do: 12 or 16 × 48 × 48 or 56"
    with pytest.raises(ValueError, match=message):
        plan(stages=4, patch_size=(15, 48, 50), spacing_mm=(5.0, 2.0, 2.0))


def test_stages_that_a_patch_does_not_allow_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.stages: a patch of 16×32×32 allows 4, got 6"):
        plan(stages=6, patch_size=(16, 32, 32), spacing_mm=(2.0, 1.0, 1.0))


def test_a_patch_that_cannot_be_pooled_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.patch_size: 4×6×6 cannot be pooled even once"):
        plan(median_shape=(4, 6, 6))


@pytest.mark.parametrize("stages", [None, 4])
def test_memory_that_no_patch_fits_is_refused(stages: int | None) -> None:
    with pytest.raises(ValueError, match=r"model\.memory_gb: the smallest patch.* needs .* GB, got 1e-06"):
        plan(memory_gb=1e-6, stages=stages)


def test_an_unknown_network_is_refused() -> None:
    scans = Scans(("DWI",), (8, 16, 16), (1.0, 1.0, 1.0), 2)
    with pytest.raises(
        ValueError, match=rf"model\.name: no network 'vnet'; there are {', '.join(sorted(MODELS))}"
    ):
        plan_model("vnet", {}, scans)


def test_a_plan_survives_json() -> None:
    planned = plan("resenc_unet")
    assert read_plan("resenc_unet", json.loads(json.dumps(planned.to_dict()))) == planned


def test_a_damaged_plan_is_refused() -> None:
    content = plan().to_dict()
    content["stride"] = content.pop("strides")
    with pytest.raises(ValueError, match="missing or unknown: stride, strides"):
        UNetPlan.from_dict(content)


def test_planning_needs_no_torch() -> None:
    code = "import sys, models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_description_is_a_table_of_the_stages() -> None:
    heads, *rows = plan(stages=2, patch_size=(4, 16, 16), spacing_mm=(5.0, 2.0, 2.0)).describe()
    assert heads.split() == ["stage", "stride", "kernel", "channels"]
    assert [row.replace(" x ", "x").split() for row in rows] == [
        ["0", "1x1x1", "1x3x3", "32"],
        ["1", "1x2x2", "3x3x3", "64"],
    ]
