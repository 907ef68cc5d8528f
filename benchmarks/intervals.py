"""How often 95 % intervals hold the truth, and how wide they are, on simulated Dice.

`python -m benchmarks.intervals` compares Student's t, which tables have, with the percentile and the BCa bootstrap; the
interval of a gain with and without the noise of seeds; and the interval at other centers with the one within centers.
The last line is JSON; its ratio is how much more often BCa misses the truth than t, for 5 to 20 subjects.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from analysis.differences import difference
from analysis.estimates import Interval, estimate
from analysis.other_centers import other_centers

Values = NDArray[np.float64]
SAMPLES, RESAMPLES, SEEDS = 2000, 2000, 3
SIZES = (5, 7, 10, 20, 50)
CENTERS = (2, 3, 5, 8)
SPREAD_OF_CENTERS, SPREAD_OF_SEEDS = 0.1, 0.03


def dice(rng: np.random.Generator, size: int) -> Values:
    """Dice as of lesions, of which one in five is missed; the mean is 0.571."""
    return np.where(rng.random(size) < 0.2, 0.0, rng.beta(5, 2, size))


def paired(rng: np.random.Generator, size: int) -> Values:
    """Differences of two systems, which agree but for one subject in seven; the mean is 0.032."""
    far = rng.random(size) < 0.15
    return np.where(far, rng.normal(0.1, 0.3, size), rng.normal(0.02, 0.05, size))


SAMPLED: dict[str, tuple[Callable[[np.random.Generator, int], Values], float]] = {
    "Dice": (dice, 0.8 * 5 / 7),
    "difference": (paired, 0.85 * 0.02 + 0.15 * 0.1),
}


def bootstrap(values: Values, means: Values) -> tuple[Interval, Interval]:
    """The percentile and the BCa interval (Efron 1987) of a mean, from its resampled means."""
    mean, deviations = values.mean(), values - values.mean()
    below = (np.mean(means < mean) + np.mean(means <= mean)) / 2
    bias = ndtri(np.clip(below, 1 / means.size, 1 - 1 / means.size))
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    places = [ndtr(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (-1.96, 1.96)]
    return Interval(*np.quantile(means, (0.025, 0.975))), Interval(*np.quantile(means, places))


def of_means(rng: np.random.Generator) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Coverage of a mean over subjects: what is sampled, how many, and the share by interval."""
    for name, (sample, truth) in SAMPLED.items():
        for size in SIZES:
            weights = rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
            held = []
            for _ in range(SAMPLES):
                values = sample(rng, size)
                if (student := estimate(values).interval) is not None:
                    found = (student, *bootstrap(values, weights @ values))
                    held.append([low <= truth <= high for low, high in found])
            yield (
                name,
                size,
                dict(zip(("t", "percentile", "BCa"), np.mean(held, axis=0).tolist(), strict=True)),
            )


def of_gains(rng: np.random.Generator) -> Iterator[tuple[int, float, float]]:
    """Coverage of a gain of three seeds over three: number of subjects, with the noise of seeds and without it."""
    for size in SIZES:
        held = []
        for _ in range(SAMPLES):
            gain = paired(rng, size)
            noise = rng.normal(0, SPREAD_OF_SEEDS, (2, SEEDS, 1)) + rng.normal(0, 0.05, (2, SEEDS, size))
            first, second = gain + noise[0], noise[1]
            both = difference(first, second, [""] * size, bounds=(-1.0, 2.0)).estimate.interval
            alone = estimate(first.mean(0) - second.mean(0)).interval
            truth = SAMPLED["difference"][1]
            held.append([low <= truth <= high for low, high in (both or (0, 0), alone or (0, 0))])
        yield (size, *np.mean(held, axis=0).tolist())


def of_centers(rng: np.random.Generator) -> Iterator[tuple[int, float, float]]:
    """Coverage of what to expect at another center: number of centers, at other centers (nan below 5), within these."""
    for number in CENTERS:
        held = []
        for sample in range(SAMPLES // 4):
            sizes = rng.integers(5, 40, number)
            levels = np.repeat(rng.normal(0.6, SPREAD_OF_CENTERS, number), sizes)
            values = levels + rng.normal(0, 0.2, sizes.sum())
            names = np.repeat(np.arange(number), sizes).astype(str)
            beyond = other_centers(values, names, "centers", RESAMPLES, sample).interval
            within = estimate(values, names, "centers").interval
            held.append(
                [np.nan if one is None else float(one[0] <= 0.6 <= one[1]) for one in (beyond, within)]
            )
        yield (number, *np.mean(held, axis=0).tolist())


def main() -> None:
    """Print the tables and the JSON line."""
    rng = np.random.default_rng(0)
    missed: dict[str, list[float]] = {"t": [], "BCa": []}
    print("mean over subjects: share of intervals that hold the truth (should be 0.95)")
    for name, size, held in of_means(rng):
        print(f"  {name:10} n {size:3}  " + "  ".join(f"{kind} {share:.3f}" for kind, share in held.items()))
        if size <= 20:
            for kind, shares in missed.items():
                shares.append(1 - held[kind])
    print(f"gain, {SEEDS} seeds each: with the noise of seeds, and over subjects alone")
    for size, both, alone in of_gains(rng):
        print(f"  n {size:3}  {both:.3f}  {alone:.3f}")
    print("coverage of the truth at other centers, and within the sampled ones")
    for number, beyond, within in of_centers(rng):
        print(f"  centers {number}  {beyond:.3f}  {within:.3f}")
    ratio = float(np.mean(missed["BCa"]) / np.mean(missed["t"]))
    measured = {"samples": SAMPLES, "resamples": RESAMPLES, "subjects": [5, 20], "seeds": SEEDS}
    sys.stdout.write(json.dumps({"ratio": round(ratio, 2), "measured_on": measured}) + "\n")


if __name__ == "__main__":
    main()
