"""Signal equations: echoes, inversion, diffusion, contrast agent, and the field of a susceptibility map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

GYROMAGNETIC_MHZ_PER_T = 42.577478518  # proton, CODATA 2018


def spin_echo(pd: Array, t1_ms: Array, t2_ms: Array, te_ms: float, tr_ms: float) -> Array:
    """Spin-echo signal, as in a B0 image: PD · exp(−TE/T2) · (1 − exp(−TR/T1))."""
    return np.asarray(
        pd * np.exp(-np.float32(te_ms) / t2_ms) * (1 - np.exp(-np.float32(tr_ms) / t1_ms)), np.float32
    )


def inversion_recovery(
    pd: Array, t1_ms: Array, t2_ms: Array, te_ms: float, tr_ms: float, ti_ms: float
) -> Array:
    """Magnitude after inversion: PD · exp(−TE/T2) · |1 − 2 exp(−TI/T1) + exp(−TR/T1)| (Bydder and Young 1985).

    The echo is taken to be short beside TR, so that it does not disturb the recovery.
    """
    recovered = 1 - 2 * np.exp(-np.float32(ti_ms) / t1_ms) + np.exp(-np.float32(tr_ms) / t1_ms)
    return np.asarray(pd * np.exp(-np.float32(te_ms) / t2_ms) * np.abs(recovered), np.float32)


def nulling_ms(t1_ms: float, tr_ms: float) -> float:
    """The inversion time at which `inversion_recovery` has no signal: T1 · ln(2 / (1 + exp(−TR/T1)))."""
    return float(t1_ms * np.log(2 / (1 + np.exp(-tr_ms / t1_ms))))


def with_agent(t1_ms: Array, agent_mm: Array, relaxivity: float) -> Array:
    """T1 with a contrast agent: 1/T1 + r1 · C, relaxivity r1 in L/(mmol·s), concentration C in mmol/L."""
    return np.asarray(1 / (1 / t1_ms + np.float32(1e-3 * relaxivity) * agent_mm), np.float32)


def diffusion(b0: Array, adc: Array, b_s_per_mm2: float) -> Array:
    """DWI = B0 · exp(−b · ADC), ADC in 1e-3 mm²/s (Stejskal and Tanner 1965)."""
    return np.asarray(b0 * np.exp(adc * np.float32(-1e-3 * b_s_per_mm2)), np.float32)


def apparent_diffusion(b0: Array, dwi: Array, b_s_per_mm2: float) -> Array:
    """ADC in 1e-3 mm²/s from two images; 0 where either has no signal."""
    valid = (b0 > 0) & (dwi > 0)
    ratio = np.where(valid, b0, 1) / np.where(valid, dwi, 1)
    return np.asarray(np.log(ratio) * (1e3 / b_s_per_mm2), np.float32)


def gradient_echo(pd: Array, t1_ms: Array, tr_ms: float, flip_deg: float) -> Array:
    """Spoiled gradient echo at TE = 0 (Ernst): PD · sin α · (1 − E1) / (1 − cos α · E1)."""
    e1 = np.exp(-np.float32(tr_ms) / t1_ms)
    angle = np.deg2rad(flip_deg)
    return np.asarray(
        pd * np.float32(np.sin(angle)) * (1 - e1) / (1 - np.float32(np.cos(angle)) * e1), np.float32
    )


def dipole_field(chi_ppm: Array, voxel_mm: npt.ArrayLike, direction: npt.ArrayLike) -> Array:
    """Relative field shift in ppm of a susceptibility map (Salomir 2003; Marques and Bowtell 2005).

    In k-space: χ · (1/3 − (k·b)²/k²), with b the main field's direction in the axes of the array; 0 at k = 0.
    Zero-padded by a quarter of its size, so that the field of the periodic copies stays small.
    """
    from scipy import fft

    shape = [fft.next_fast_len(size + size // 4, real=True) for size in chi_ppm.shape]
    voxel, unit = np.asarray(voxel_mm, float), np.asarray(direction, float)
    unit = unit / np.linalg.norm(unit)
    k = [np.fft.fftfreq(n, d).astype(np.float32) for n, d in zip(shape[:2], voxel[:2], strict=True)]
    k.append(np.fft.rfftfreq(shape[2], voxel[2]).astype(np.float32))
    kx, ky, kz = np.ix_(*k)
    along = kx * np.float32(unit[0]) + ky * np.float32(unit[1]) + kz * np.float32(unit[2])
    squared = kx**2 + ky**2 + kz**2
    squared[0, 0, 0] = 1
    kernel = np.float32(1 / 3) - along**2 / squared
    kernel[0, 0, 0] = 0
    spectrum = fft.rfftn(chi_ppm, shape, workers=1)
    spectrum *= kernel
    inner = tuple(slice(size) for size in chi_ppm.shape)
    return np.asarray(fft.irfftn(spectrum, shape, workers=1)[inner], np.float32)


def precession(magnitude: Array, field_ppm: Array, field_t: float, te_ms: float) -> Complex:
    """Complex signal after TE: magnitude · exp(i 2π γ B0 Δ TE)."""
    turns = np.float32(GYROMAGNETIC_MHZ_PER_T * field_t * te_ms * 1e-3)  # per ppm
    return np.asarray(magnitude * np.exp(np.complex64(2j * np.pi) * turns * field_ppm), np.complex64)


def dephasing(field_ppm: Array, field_t: float, te_ms: float) -> Array:
    """The share of signal left in voxels across which a smooth field changes: the sinc of the turns along each axis."""
    turns = np.float32(GYROMAGNETIC_MHZ_PER_T * field_t * te_ms * 1e-3)
    left = np.ones_like(field_ppm)
    for slope in np.gradient(field_ppm):
        left *= np.abs(np.sinc(turns * slope))
    return left


def high_pass_phase(signal: Complex, width_voxels: float) -> Array:
    """Phase in radians after homodyne division by the low-passed image (Noll 1991; Haacke 2004)."""
    from scipy import ndimage

    sigma = (width_voxels, width_voxels, 0)  # slice by slice, as scanners do
    low = ndimage.gaussian_filter(signal.real, sigma) + 1j * ndimage.gaussian_filter(signal.imag, sigma)
    return np.asarray(np.angle(signal * np.conj(low)), np.float32)


def susceptibility_weighted(magnitude: Array, phase: Array, power: int = 4) -> Array:
    """SWI: magnitude times the negative-phase mask to the 4th power (Haacke et al. 2004).

    Phase increases with the field here (paramagnetic veins are positive in plane), so that positive phase is masked.
    """
    mask = np.clip(1 - phase / np.float32(np.pi), 0, 1)
    return np.asarray(magnitude * mask**power, np.float32)


def rician(signal: Array, sigma: float, rng: np.random.Generator, grain_voxels: float = 0.0) -> Array:
    """Magnitude of the signal with Gaussian noise in both channels (Gudbjartsson and Patz 1995).

    `grain_voxels` is the in-plane width over which noise is correlated, as in images that the scanner interpolates.
    """
    from scipy import ndimage

    channels = rng.standard_normal((2, *signal.shape), dtype=np.float32)
    if grain_voxels > 0:
        channels = ndimage.gaussian_filter(channels, (0, grain_voxels, grain_voxels, 0))
        channels /= channels.std()
    channels *= np.float32(sigma)
    return np.asarray(np.hypot(signal + channels[0], channels[1]), np.float32)
