"""Mirroring at test time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import rows_frame
from torch import Tensor, nn

from analysis.method import Method
from analysis.mirrored import mirrored_name
from analysis.trial_tables import trial_tables
from study.config import Evaluation, validate
from study.errors import ConfigError
from study.evaluation.cross_center import Judge
from study.evaluation.inference import predict_probability
from study.imaging.windows import Windows
from study.machine.runtime import Runtime

CPU = Runtime.choose("cpu", "fp32")
SIZE = (4, 6, 8)


class Uneven(nn.Module):
    """A convolution whose kernel has no symmetry; counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv3d(1, 2, 3, padding=1)
        self.passes = 0

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        self.passes += 1
        logits: Tensor = self.layer(x)
        return logits


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, *SIZE)).astype(np.float32)


def predicted(network: nn.Module, image: np.ndarray, **options: object) -> np.ndarray:
    return predict_probability(network, Windows(image), (True,), SIZE, 0.5, 4, CPU, **options)


def logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability / (1 - probability))


@pytest.mark.parametrize(
    ("mirror", "flips"),
    [
        (("left_right",), [(), (-1,)]),
        (("front_back",), [(), (-2,)]),
        (("head_foot",), [(), (-3,)]),
        (
            ("left_right", "front_back", "head_foot"),
            [(), (-1,), (-2,), (-3,), (-1, -2), (-1, -3), (-2, -3), (-1, -2, -3)],
        ),
    ],
)
def test_logits_are_averaged_over_every_mirror_image_once(image, mirror, flips):
    network = Uneven()
    plain = [np.flip(logit(predicted(network, np.flip(image, flip).copy())), flip) for flip in flips]
    network.passes = 0
    found = predicted(network, image, mirror=mirror)
    assert network.passes == len(flips)
    np.testing.assert_allclose(logit(found), np.mean(plain, axis=0), atol=1e-5)
    assert np.abs(logit(found) - plain[0]).max() > 0.01


def test_probabilities_are_averaged_where_probabilities_are_blended(image):
    network = Uneven()
    both = predicted(network, image), predicted(network, image[..., ::-1].copy())[..., ::-1]
    found = predicted(network, image, mirror=("left_right",), blending="mean_probability")
    np.testing.assert_allclose(found, np.mean(both, axis=0), atol=1e-6)


def test_a_mirrored_head_is_predicted_mirrored(image):
    network = Uneven()
    one, other = (
        predicted(network, each, mirror=("left_right",)) for each in (image, image[..., ::-1].copy())
    )
    np.testing.assert_allclose(one, other[..., ::-1], atol=1e-6)


def test_an_axis_of_one_voxel_costs_nothing():
    network, slices = Uneven(), np.ones((1, 1, 6, 8), np.float32)
    predict_probability(
        network, Windows(slices), (True,), (1, 6, 8), 0.5, 4, CPU, mirror=("head_foot", "left_right")
    )
    assert network.passes == 2


def test_epochs_are_validated_without():
    judge = Judge(("DWI",), (), Evaluation(mirror=("left_right",)), SIZE, CPU)
    assert judge.plain() == replace(judge, evaluation=Evaluation())


@pytest.mark.parametrize(
    ("evaluation", "model", "message"),
    [
        (["left_right", "left_right"], "nnunet", "evaluation.mirror: must name each axis once"),
        (["leftright"], "nnunet", "evaluation.mirror.*left_right"),
        (
            ["head_foot"],
            "lstm",
            "evaluation.mirror: lstm reads slices in their order, which head_foot reverses",
        ),
    ],
)
def test_axes_that_make_no_sense_are_refused(evaluation, model, message):
    with pytest.raises(ConfigError, match=message):
        validate({"study": {"name": "s"}, "evaluation": {"mirror": evaluation}, "model": {"name": model}})


def test_a_stack_may_be_mirrored_within_its_slices():
    config = validate(
        {"study": {"name": "s"}, "evaluation": {"mirror": "left_right"}, "model": {"name": "lstm"}}
    )
    assert config.evaluation.mirror == ("left_right",)


def test_tables_and_names_say_that_results_are_of_mirrored_predictions():
    rows = rows_frame(
        {"mirrored": "left_right+head_foot"}, {"mirrored": "left_right+head_foot", "removed": "B0"}
    )
    tables = trial_tables(rows, Method(), "lesion")
    assert tables
    for table in tables:
        assert table.caption.partition(";")[0].endswith("(mirrored left_right+head_foot)"), table.caption
    assert mirrored_name("trial 3", rows_frame({})) == "trial 3"
