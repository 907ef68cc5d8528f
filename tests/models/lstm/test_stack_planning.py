"""Plans of the recurrent networks, and what cannot be planned."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models import Scans, plan_model, read_plan
from models.lstm.plan import AttentionPlan, StackPlan
from study.config import Model

THROMBUS = ("DWI", "SWAN", "PHASE")


def plan(
    name: str,
    shape: tuple[int, int, int] = (24, 256, 256),
    modalities: tuple[str, ...] = THROMBUS,
    **settings: Any,
) -> StackPlan:
    section = Model.model_validate({"name": name, **settings}).model_dump()
    planned = plan_model(name, section, Scans(modalities, shape, (4.0, 1.0, 1.0), 2))
    assert isinstance(planned, StackPlan)
    return planned


def test_the_papers_sizes_are_planned_from_their_scans() -> None:
    planned = plan("upattlstm")
    assert planned.patch_size == (12, 256, 256)
    assert planned.minimum_slices == 12
    assert planned.windows == tuple((2**i, 2**i) for i in range(9, 1, -1))
    assert (planned.conv_channels, planned.multiplicity, planned.channels) == (4, 3, 32)
    assert isinstance(planned, AttentionPlan)
    assert (planned.patch_dwi, planned.patch_swan) == (32, 4)


def test_attlstm_pools_on_the_grid_of_its_patches_and_the_others_on_the_image() -> None:
    assert plan("attlstm").windows == tuple((2**i, 2**i) for i in range(7, -1, -1))
    assert plan("lstm").windows == plan("upattlstm").windows


def test_each_axis_has_windows_of_its_own_rounded_down() -> None:
    planned = plan("lstm", (24, 20, 14), recurrent={"logic_scales": 5})
    assert planned.windows == ((40, 28), (20, 14), (10, 7), (5, 3), (2, 1))


def test_a_clstm_has_no_windows_whatever_the_scales() -> None:
    planned = plan("lstm", (24, 8, 8), recurrent={"kind": "clstm", "conv_channels": 28, "logic_scales": 12})
    assert planned.windows == ()
    assert planned.conv_channels == 28


@pytest.mark.parametrize(
    ("name", "plane", "expected"),
    [
        ("lstm", (300, 170), (256, 170)),
        ("upattlstm", (300, 170), (256, 192)),
        ("upattlstm", (256, 1), (256, 32)),
    ],
)
def test_a_plane_is_the_median_s_at_most_256_rounded_up_to_whole_patches(
    name: str, plane: tuple[int, int], expected: tuple[int, int]
) -> None:
    planned = plan(name, (24, *plane), slices=5, recurrent={"kind": "clstm"})
    assert planned.patch_size == (5, *expected)


def test_a_given_patch_is_taken() -> None:
    assert plan("upattlstm", patch_size=(12, 128, 160)).patch_size == (12, 128, 160)


def test_a_plan_survives_json() -> None:
    for name in ("lstm", "attlstm", "upattlstm"):
        planned = plan(name)
        assert read_plan(name, json.loads(json.dumps(planned.to_dict()))) == planned


def test_one_more_modality_is_one_more_to_segment_on() -> None:
    planned = plan("upattlstm", modalities=(*THROMBUS, "ADC"))
    assert planned.stacked == ("SWAN", "PHASE")
    wider = planned.widened()
    assert wider.n_inputs == 5
    assert wider.stacked == ("SWAN", "PHASE", "one more")
    assert plan("lstm").stacked == THROMBUS


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "lstm",
            {"slices": 25},
            r"model\.slices: the median subject has 24 slices, got 25; at most 24 would do",
        ),
        (
            "lstm",
            {"patch_size": (10, 64, 64)},
            r"model\.patch_size: 10×64×64 has 10 slices and model\.slices is 12; 12×64×64 or model\.slices=10",
        ),
        (
            "upattlstm",
            {"patch_size": (12, 100, 256)},
            r"model\.patch_size: 100×256 is not divisible by 32 \(model\.attention\.patch_dwi\); "
            r"these would do: 96 or 128 × 256",
        ),
        (
            "upattlstm",
            {"patch_size": (12, 20, 256)},
            r"these would do: 32 × 256",
        ),
        (
            "upattlstm",
            {"attention": {"patch_dwi": 30, "patch_swan": 4}},
            r"model\.attention\.patch_dwi: 30 is no multiple of model\.attention\.patch_swan=4; "
            r"these would do: 28 or 32",
        ),
        (
            "lstm",
            {"recurrent": {"logic_scales": 12}},
            r"model\.recurrent\.logic_scales: pooling windows of 512×512, halved 11 times, are smaller than a "
            r"pixel; at most 10 would do",
        ),
        (
            "attlstm",
            {"recurrent": {"logic_scales": 9}},
            r"windows of 128×128, halved 8 times, .* at most 8 would do",
        ),
        (
            "attlstm",
            {"attention": {"dwi": "B0"}},
            r"model\.attention\.dwi: no modality 'B0'; there are DWI, SWAN, PHASE; .* model\.attention\.dwi=DWI",
        ),
        (
            "attlstm",
            {"attention": {"susceptibility": ["SWI", "PHASE"]}},
            r"model\.attention\.susceptibility: no modality 'SWI'; there are DWI, SWAN, PHASE; .*"
            r"model\.attention\.susceptibility=\[SWAN,PHASE\]",
        ),
        (
            "attlstm",
            {"attention": {"susceptibility": ["DWI", "SWAN"]}},
            r"model\.attention\.susceptibility: must name each modality once and not the guide DWI .* DWI, SWAN",
        ),
        (
            "attlstm",
            {"attention": {"susceptibility": ["SWAN", "SWAN"]}},
            r"must name each modality once",
        ),
    ],
)
def test_what_cannot_be_planned_is_named_with_what_would_do(
    name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(name, **changes)


def test_the_largest_number_of_windows_that_the_message_names_can_be_planned() -> None:
    assert plan("lstm", recurrent={"logic_scales": 10}).windows[-1] == (1, 1)


def test_modalities_of_a_lesion_study_are_answered_with_how_to_use_them() -> None:
    with pytest.raises(ValueError, match=r"model\.attention\.susceptibility=\[ADC,B0\]"):
        plan("upattlstm", modalities=("DWI", "ADC", "B0"))
    planned = plan("upattlstm", modalities=("DWI", "ADC", "B0"), attention={"susceptibility": ["ADC", "B0"]})
    assert planned.stacked == ("ADC", "B0")


def test_the_guide_alone_is_not_enough() -> None:
    with pytest.raises(ValueError, match=r"there is only DWI, the guide.* model\.name=lstm"):
        plan("upattlstm", modalities=("DWI",))
