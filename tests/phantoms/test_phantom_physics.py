"""Signals against numbers worked out by hand, fields against the textbook."""

from __future__ import annotations

import numpy as np
import pytest

from study.phantoms.physics import (
    apparent_diffusion,
    dephasing,
    diffusion,
    dipole_field,
    gradient_echo,
    precession,
    rician,
    spin_echo,
    susceptibility_weighted,
)


def one(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def test_spin_echo_of_grey_matter() -> None:
    # 0.8 · e^(-80/100) · (1 - e^(-3000/1000)) = 0.8 · 0.449329 · 0.950213
    assert spin_echo(one(0.8), one(1000), one(100), 80, 3000)[0] == pytest.approx(0.341567, rel=1e-5)


def test_diffusion_halves_the_signal_at_ln2_over_b() -> None:
    assert diffusion(one(600), one(0.6931472), 1000)[0] == pytest.approx(300, rel=1e-6)


def test_diffusion_coefficient_is_recovered_from_two_images() -> None:
    b0, adc = np.float32([500, 900]), np.float32([0.75, 3.1])
    np.testing.assert_allclose(apparent_diffusion(b0, diffusion(b0, adc, 800), 800), adc, rtol=1e-5)


def test_diffusion_coefficient_is_zero_without_signal() -> None:
    assert apparent_diffusion(np.float32([0, 5, 0]), np.float32([5, 0, 0]), 1000).tolist() == [0, 0, 0]


def test_gradient_echo_at_ninety_degrees_is_saturation_recovery() -> None:
    # sin 90° = 1, cos 90° = 0: PD · (1 - e^(-TR/T1)) with TR = T1
    assert gradient_echo(one(2.0), one(500), 500, 90)[0] == pytest.approx(2 * (1 - np.exp(-1)), rel=1e-6)


def test_phase_turns_once_per_period_of_the_shift() -> None:
    # 1 ppm at 1 T is 42.577 Hz: a half turn after 11.743 ms
    half_turn = precession(one(1), one(1), 1.0, 500 / 42.577478518)[0]
    assert half_turn == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (0, 0.6, 0.8)])
def test_field_outside_a_sphere_is_that_of_a_dipole(direction: tuple[float, float, float]) -> None:
    # Δχ/3 · (a/r)³ · (3 cos²θ - 1) outside; inside it vanishes with the Lorentz correction (Schenck 1996)
    n, radius = 80, 8.0
    axes = np.arange(n) - n // 2
    x, y, z = np.meshgrid(axes, axes, axes, indexing="ij")
    r = np.sqrt(x**2 + y**2 + z**2)
    ball = np.clip(radius + 0.5 - r, 0, 1).astype(np.float32)
    found = dipole_field(ball, (1, 1, 1), direction)
    outside = (r > 1.5 * radius) & (r < 2.5 * radius)
    cosine = (x * direction[0] + y * direction[1] + z * direction[2])[outside] / r[outside]
    expected = ball.sum() / (4 * np.pi) / r[outside] ** 3 * (3 * cosine**2 - 1)
    error = np.abs(found[outside] - expected) / np.abs(expected).max()
    assert np.sqrt((error**2).mean()) < 0.01
    assert error.max() < 0.07
    assert np.abs(found[r < 0.6 * radius]).max() < 0.03


def test_field_follows_the_voxel_size() -> None:
    x, y, z = np.meshgrid(np.arange(-32, 32), np.arange(-32, 32), np.arange(-32, 32, 2), indexing="ij")
    ball = (np.sqrt(x**2 + y**2 + z**2) <= 8).astype(np.float32)
    found = dipole_field(ball, (1, 1, 2), (0, 0, 1))
    volume = 2 * ball.sum()
    assert found[32, 32, 8] == pytest.approx(volume / (4 * np.pi) / 16**3 * 2, rel=0.07)  # 16 mm above
    assert found[48, 32, 16] == pytest.approx(-volume / (4 * np.pi) / 16**3, rel=0.07)  # 16 mm beside


def test_uniform_field_leaves_the_signal() -> None:
    assert dephasing(np.full((4, 4, 4), 3, np.float32), 3.0, 20).min() == 1


def test_one_turn_across_a_voxel_leaves_nothing() -> None:
    per_voxel = 1 / (42.577478518 * 1.5 * 0.02)  # ppm for one turn in 20 ms at 1.5 T
    ramp = np.broadcast_to(np.float32(per_voxel) * np.arange(5, dtype=np.float32)[:, None, None], (5, 3, 3))
    assert dephasing(np.array(ramp), 1.5, 20).max() < 1e-4


def test_weighting_darkens_positive_phase_only() -> None:
    phase = np.float32([-1, 0, np.pi / 2, np.pi])
    np.testing.assert_allclose(
        susceptibility_weighted(np.full(4, 16, np.float32), phase), [16, 16, 1, 0], atol=1e-5
    )


def test_noise_without_signal_has_the_rayleigh_mean() -> None:
    noise = rician(np.zeros((40, 40, 40), np.float32), 2.0, np.random.default_rng(0))
    assert noise.mean() == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.01)


def test_grain_keeps_the_level_and_correlates_neighbours() -> None:
    signal = np.full((40, 40, 40), 100, np.float32)
    noise = rician(signal, 3.0, np.random.default_rng(0), grain_voxels=1.0) - 100
    assert noise.std() == pytest.approx(3, rel=0.05)
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] > 0.5
    assert abs(np.corrcoef(noise[..., 1:].ravel(), noise[..., :-1].ravel())[0, 1]) < 0.05
