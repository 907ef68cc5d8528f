"""Properties of tissue: proton density, relaxation, diffusion and susceptibility by field strength.

Rounded textbook values, adjusted to a few real scans by eye and by intensity percentiles: plausible, not measured. The
ADC of white and deep grey matter is that of healthy adults (Helenius et al. 2002: 0.70 and 0.75); cortex has 0.79
instead of their 0.89, because simulated voxels contain fluid of their own, as the measured ones did. Susceptibility is
relative to cerebrospinal fluid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Tissue:
    """One tissue at one field strength.

    Attributes:
        pd: proton density relative to fluid.
        t1_ms, t2_ms: relaxation times.
        adc: in 1e-3 mm²/s.
        chi_ppm: susceptibility.
        r2_star: in 1/s.
    """

    pd: float
    t1_ms: float
    t2_ms: float
    adc: float
    chi_ppm: float
    r2_star: float


_TABLE = {  # PD, T1 at 1.5 and 3 T, T2 at 1.5 and 3 T, ADC, chi, R2* at 1.5 and 3 T
    "white": (0.71, 650, 880, 77, 70, 0.71, -0.030, 15.0, 20.0),
    "grey": (0.81, 1080, 1380, 97, 89, 0.79, 0.015, 12.5, 16.5),
    "striatum": (0.79, 1000, 1270, 84, 73, 0.75, 0.060, 16.5, 24.0),
    "pallidum": (0.73, 820, 1060, 64, 53, 0.77, 0.140, 26.0, 42.0),
    "thalamus": (0.77, 880, 1160, 84, 75, 0.77, 0.020, 15.0, 21.0),
    "cerebellum": (0.82, 1060, 1350, 96, 88, 0.75, 0.010, 12.5, 16.5),
    "brainstem": (0.74, 760, 1000, 86, 77, 0.75, -0.010, 14.5, 19.0),
    "fluid": (1.00, 4200, 4300, 1900, 1600, 3.15, 0.000, 1.0, 1.5),
}


def tissues(field_t: float, rng: np.random.Generator, spread: float) -> dict[str, Tissue]:
    """Draw all tissues at a field strength; values vary by a relative standard deviation of `spread`."""
    weight = np.clip((field_t - 1.5) / 1.5, 0, 1)
    common = 1 + spread * rng.standard_normal(3)  # the subject's own T1, T2 and ADC
    table = {}
    for name, (pd, t1_low, t1_high, t2_low, t2_high, adc, chi, r2_low, r2_high) in _TABLE.items():
        own = 1 + 0.4 * spread * rng.standard_normal(5)
        fluid = name == "fluid"
        table[name] = Tissue(
            pd=pd if fluid else pd * own[0],
            t1_ms=(t1_low + weight * (t1_high - t1_low)) * common[0] * own[1],
            t2_ms=(t2_low + weight * (t2_high - t2_low)) * common[1] * own[2],
            adc=adc * (1 if fluid else common[2]) * (1 + 0.5 * (own[3] - 1)),
            chi_ppm=chi,
            r2_star=(r2_low + weight * (r2_high - r2_low)) * own[4],
        )
    return table


def with_any_contrast(table: dict[str, Tissue], rng: np.random.Generator) -> dict[str, Tissue]:
    """Tissues of arbitrary contrast, each drawn on its own, as SynthSeg draws intensities (Billot et al. 2023).

    What is drawn are properties, not intensities, so that images of one phantom agree with each other; ranges reach
    well beyond those of health. Fluid stays what it is: water does not vary.
    """

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    return {
        name: tissue
        if name == "fluid"
        else replace(
            tissue,
            pd=between(0.55, 1.0),
            t1_ms=between(500, 2200),
            t2_ms=between(45, 180),
            adc=between(0.5, 1.2),
            chi_ppm=float(rng.uniform(-0.05, 0.15)),
            r2_star=between(8, 45),
        )
        for name, tissue in table.items()
    }
