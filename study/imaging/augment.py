"""nnU-Net's augmentation: patches as other scanners and heads might have produced them.

Probabilities and ranges are those of nnU-Net (Isensee et al. 2021, supplement, and its published trainer).
A patch that is turned or shrunk shows what lies beyond its edges: the subject is read as far as that takes.
All randomness comes from the caller's generator: TorchIO's transforms get explicit parameters and are applied
through `apply_transform`, because calling them would draw from torch's global generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from study.errors import MissingDependencyError
from study.imaging.sample import Patch

__all__ = ["augment"]

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Target = NDArray[np.uint8]

THIN = 3.0  # ratio of length to thickness from which a patch is changed within its slices only (nnU-Net)
ROTATION_P, ROTATION_DEGREES, ROTATION_DEGREES_THIN = 0.2, 30.0, 180.0
SCALING_P, SCALING = 0.2, (0.7, 1.4)  # of the patch; its content shrinks by the same factor
MIRROR_P = 0.5
HALF = 0.5 - 1e-6  # a voxel of which half is the target, up to rounding


def augment(patch: Patch, present: Sequence[bool] | Mask, rng: Generator) -> tuple[Array, Target]:
    """What a patch shows, randomly changed; absent modalities and voxels outside the brain stay exactly 0.

    Args:
        patch: of size `[D, H, W]`.
        present: `[M]`, which modalities the subject has, at least one.
        rng: the sample's own generator; no other randomness is used.

    Returns:
        Image float32 `[M, D, H, W]` and target uint8 `[D, H, W]`.

    Raises:
        MissingDependencyError: TorchIO is not installed.
    """
    _require_torchio()
    indices = np.flatnonzero(np.asarray(present, bool))
    channels, target = _moved(patch, indices, _draw_matrix(patch.size, rng))
    inside = channels != 0
    _change_intensities(channels, inside, rng)
    channels[~inside] = 0
    axes = tuple(axis for axis in range(-3, 0) if rng.random() < MIRROR_P)
    result = np.zeros((len(present), *target.shape), np.float32)
    result[indices] = np.flip(channels, axes)
    return result, np.flip(target, axes).copy()  # copied: an axis of one slice would keep a negative stride


def _require_torchio() -> None:
    try:
        import torchio  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "trainer.augmentation=nnunet needs TorchIO, which is not installed; "
            "pip install torchio, or set trainer.augmentation=none, rotate90 or flip_noise"
        ) from error


def _thin_axis(shape: Sequence[int]) -> int | None:
    return int(np.argmin(shape)) if max(shape) > THIN * min(shape) else None


def _draw_matrix(shape: Sequence[int], rng: Generator) -> NDArray[np.float64] | None:
    """From offsets to the centre after a rotation and scaling to those before, in voxels; None if neither is drawn."""
    rotate, scale = rng.random() < ROTATION_P, rng.random() < SCALING_P
    if not rotate and not scale:
        return None
    thin = _thin_axis(shape)
    limit = ROTATION_DEGREES if thin is None else ROTATION_DEGREES_THIN
    degrees = rng.uniform(-limit, limit, 3) if rotate else np.zeros(3)
    scales = np.full(3, rng.uniform(*SCALING) if scale else 1.0)
    if thin is not None:
        degrees[np.arange(3) != thin] = 0
        scales[thin] = 1
    matrix: NDArray[np.float64] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() * scales
    return matrix


def _moved(
    patch: Patch, indices: NDArray[np.intp], matrix: NDArray[np.float64] | None
) -> tuple[Array, Target]:
    """Present channels `[C, D, H, W]` and target, moved linearly: the target is what at least half of a voxel shows."""
    if matrix is None:
        image, target = patch.cut()
        return image[indices], target
    half = (np.array(patch.size) - 1) / 2
    extra = np.maximum(np.ceil(np.abs(matrix) @ half - half), 0).astype(int)
    image, target = patch.cut(extra.tolist())
    offset = half + extra - matrix @ half

    def moved(values: Array) -> Array:
        result: Array = ndimage.affine_transform(
            values, matrix, offset, patch.size, order=1, mode="constant", prefilter=False
        )
        return result

    channels = np.stack([moved(image[index]) for index in indices])
    return channels, (moved(target.astype(np.float32)) >= HALF).astype(np.uint8)


def _change_intensities(channels: Array, inside: Mask, rng: Generator) -> None:
    """Apply each of `EFFECTS` with its probability to channels `[C, D, H, W]` in place."""
    for effect in EFFECTS:
        if rng.random() >= effect.p:
            continue
        common = effect.draw(rng) if effect.same_for_all else None
        for channel, where in zip(channels, inside, strict=True):
            if rng.random() < effect.channel_p and where.any():
                amount = effect.draw(rng) if common is None else common
                effect.change(channel, where, amount, rng)


def _noise(channel: Array, inside: Mask, std: float, rng: Generator) -> None:
    channel[inside] += np.float32(std) * rng.standard_normal(np.count_nonzero(inside), np.float32)


def _blur(channel: Array, inside: Mask, stds: tuple[float, float, float], rng: Generator) -> None:
    """Blur with a width for each axis (nnU-Net)."""
    import torchio as tio

    channel[:] = _through(channel, tio.Blur(stds))


def _brightness(channel: Array, inside: Mask, factor: float, rng: Generator) -> None:
    channel[inside] *= np.float32(factor)


def _contrast(channel: Array, inside: Mask, factor: float, rng: Generator) -> None:
    """Multiply distances from the mean by a factor, clipped to the original range."""
    values = channel[inside]
    mean = values.mean()
    channel[inside] = np.clip((values - mean) * np.float32(factor) + mean, values.min(), values.max())


def _low_resolution(channel: Array, inside: Mask, scale: float, rng: Generator) -> None:
    """Simulate voxels 1/scale as long; only within slices if the patch is thin."""
    import torchio as tio

    shape = np.array(channel.shape)
    coarse = np.maximum(np.round(shape * scale), 1).astype(int)
    if (thin := _thin_axis(channel.shape)) is not None:
        coarse[thin] = shape[thin]
    affine = np.diag([*(shape / coarse), 1.0])
    affine[:3, 3] = (shape / coarse - 1) / 2  # the same box with fewer voxels
    down = tio.Resample((tuple(coarse.tolist()), affine), image_interpolation="nearest")
    up = tio.Resample((channel.shape, np.eye(4)), image_interpolation="linear")
    channel[:] = _through(channel, down, up)


def _gamma(channel: Array, inside: Mask, exponent: float, rng: Generator) -> None:
    """Raise values, scaled to [0, 1], to a power, then restore their mean and standard deviation."""
    values = channel[inside]
    low, high = values.min(), values.max()
    if high <= low:
        return
    raised = ((values - low) / (high - low)) ** np.float32(exponent)
    channel[inside] = (raised - raised.mean()) / raised.std() * values.std() + values.mean()


def _inverted_gamma(channel: Array, inside: Mask, exponent: float, rng: Generator) -> None:
    np.negative(channel, out=channel)
    _gamma(channel, inside, exponent, rng)
    np.negative(channel, out=channel)


def _through(channel: Array, *transforms: Any) -> Any:
    """Pass one channel `[D, H, W]` through TorchIO transforms."""
    import torch
    import torchio as tio

    subject = tio.Subject(image=tio.ScalarImage(tensor=torch.from_numpy(channel[None])))
    for transform in transforms:
        subject = transform.apply_transform(subject)
    return subject["image"].numpy()[0]


def _uniform(low: float, high: float) -> Callable[[Generator], float]:
    return lambda rng: rng.uniform(low, high)


def _each_axis(low: float, high: float) -> Callable[[Generator], tuple[float, float, float]]:
    return lambda rng: tuple(rng.uniform(low, high, 3).tolist())


def _around_one(low: float, high: float) -> Callable[[Generator], float]:
    """Below 1 and above 1 with equal probability, uniform on either side (nnU-Net)."""
    return lambda rng: rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high)


@dataclass(frozen=True)
class Effect:
    """One change of intensities.

    Attributes:
        p: probability in a sample.
        channel_p: probability in a channel of such a sample.
        draw: its strength; a number, or one for each axis.
        change: applies it to a channel `[D, H, W]` in place; reads where the brain is, and the strength.
        same_for_all: one strength for all channels.
    """

    p: float
    channel_p: float
    draw: Callable[[Generator], Any]
    change: Callable[[Array, Mask, Any, Generator], None]
    same_for_all: bool = False


EFFECTS = (
    Effect(0.1, 1.0, _uniform(0.0, 0.1), _noise, same_for_all=True),
    Effect(0.2, 0.5, _each_axis(0.5, 1.0), _blur),
    Effect(0.15, 1.0, _around_one(0.75, 1.25), _brightness),
    Effect(0.15, 1.0, _around_one(0.75, 1.25), _contrast),
    Effect(0.25, 0.5, _uniform(0.5, 1.0), _low_resolution),
    Effect(0.1, 1.0, _around_one(0.7, 1.5), _inverted_gamma),
    Effect(0.3, 1.0, _around_one(0.7, 1.5), _gamma),
)
"""nnU-Net's effects, in its order."""
