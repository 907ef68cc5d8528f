"""Intensities normalised."""

from __future__ import annotations

import numpy as np

from study.imaging.normalise import nyul, zscore


def test_two_voxels_become_minus_one_and_one_and_the_rest_zero() -> None:
    data = np.array([[[10.0, 20.0, 999.0]]], np.float32)
    inside = np.array([[[True, True, False]]])
    np.testing.assert_allclose(zscore(data, inside), [[[-1.0, 1.0, 0.0]]])


def test_a_constant_brain_becomes_zero() -> None:
    data = np.full((2, 2, 2), 7, np.float32)
    np.testing.assert_array_equal(zscore(data, np.ones((2, 2, 2), bool)), 0)


def test_large_values_lose_no_precision() -> None:
    data = (1e6 + np.random.default_rng(0).normal(size=(20, 20, 20))).astype(np.float32)
    result = zscore(data, np.ones(data.shape, bool))
    assert abs(float(result.mean(dtype=np.float64))) < 1e-6
    assert abs(float(result.std(dtype=np.float64)) - 1) < 1e-6


def test_nyul_equals_torchio() -> None:
    import torch
    import torchio

    rng = np.random.default_rng(0)
    landmarks = np.cumsum(rng.uniform(1, 9, 13))
    landmarks = (landmarks - landmarks[0]) / (landmarks[-1] - landmarks[0]) * 100
    image = rng.gamma(3, 100, (6, 7, 8)).astype(np.float32)
    image[:2] = 42  # many equal values: landmarks without width
    inside = rng.random(image.shape) > 0.3
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=torch.from_numpy(image[None].copy())),
        brain=torchio.LabelMap(tensor=torch.from_numpy(inside[None].astype(np.uint8))),
    )
    transform = torchio.HistogramStandardization({"image": landmarks}, masking_method="brain")
    theirs = transform(subject)["image"].data[0].numpy()[inside]
    np.testing.assert_allclose(nyul(image[inside], landmarks.tolist()), theirs, atol=1e-3)


def test_nyul_removes_a_gain_and_an_offset() -> None:
    values = np.random.default_rng(0).gamma(3, 100, 5000)
    landmarks = np.linspace(0, 100, 13).tolist()
    np.testing.assert_allclose(nyul(3 * values + 50, landmarks), nyul(values, landmarks), atol=1e-9)
