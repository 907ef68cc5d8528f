"""Altered tissue: relaxation of tumours, plaques, vessels, and how much contrast agent they take up.

Reported: T1 at 3 T of tumours of high and low grade and of the white matter around them (1863, 1355 and 1261 ms: de
Blank et al. 2019); by how much contrast agent shortens T1 in enhancing tumour, oedema and normal tissue (838, 123 and
32 ms: "Quantitative T1 mapping indicates tumor infiltration beyond the enhancing part of glioblastomas", NMR in
Biomedicine 2020), from which concentrations follow; the relaxivity of gadoterate in plasma (Szomolanyi et al. 2019).

Assumed: T2, proton density, all values at 1.5 T (T1 is a fifth shorter), an enhancing rim between high and low grade,
necrosis, blood and choroid plexus. Plaques were set by the contrast of lesions in two subjects of UMCL.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from study.phantoms.brain import Brain
from study.phantoms.shapes import Field
from study.phantoms.tissue import Tissue, tissues

NORMAL_AGENT_MM = 0.011  # in normal tissue with its vessels: T1 falls by 32 ms
_CONTRAST, _CONTRAST_T1 = 0.6, (0.85, 0.64)  # of grey to white matter that is kept; T1 at 1.5 and 3 T
_RELAXIVITY = (3.32, 3.00)  # of gadoterate at 1.5 and 3 T, L/(mmol·s)


@dataclass(frozen=True)
class Relaxation:
    """Proton density relative to fluid, relaxation times, and contrast agent in mmol/L."""

    pd: float
    t1_ms: float
    t2_ms: float
    agent_mm: float

    def towards(self, other: Relaxation, share: float) -> Relaxation:
        """A mixture with that share of the other."""
        own = (self.pd, self.t1_ms, self.t2_ms, self.agent_mm)
        others = (other.pd, other.t1_ms, other.t2_ms, other.agent_mm)
        return Relaxation(*(a + share * (b - a) for a, b in zip(own, others, strict=True)))


_TABLE = {  # PD, T1 at 1.5 and 3 T, T2 at 1.5 and 3 T, contrast agent in mmol/L
    "oedema": (0.83, 1060, 1300, 135, 125, 0.023),
    "enhancing": (0.84, 1250, 1550, 115, 105, 0.260),
    "solid": (0.84, 1150, 1400, 140, 130, 0.020),
    "necrosis": (0.95, 2500, 2800, 320, 290, 0.0),
    "plaque": (0.79, 900, 1080, 98, 88, NORMAL_AGENT_MM),
    "hole": (0.92, 1400, 1750, 180, 160, NORMAL_AGENT_MM),
    "active": (0.85, 1200, 1450, 130, 118, 0.150),
    "blood": (0.88, 1350, 1600, 110, 55, 0.600),
    "plexus": (0.85, 1300, 1600, 150, 130, 0.250),
}


def healthy_tissue(field_t: float, rng: np.random.Generator, spread: float) -> dict[str, Tissue]:
    """Draw healthy tissue as structural images show it: grey matter is nearer to white matter than in diffusion images.

    Why is open: echo trains, magnetisation transfer, blur. The shares were set by two subjects of UMCL at 3 T, and at
    1.5 T by what spin echoes are known to show.
    """
    table = tissues(field_t, rng, spread)
    white = table["white"]
    kept_t1 = float(np.interp(field_t, (1.5, 3.0), _CONTRAST_T1))
    for name in table.keys() - {"white", "fluid"}:
        own = table[name]
        table[name] = replace(
            own,
            pd=white.pd + _CONTRAST * (own.pd - white.pd),
            t1_ms=white.t1_ms + kept_t1 * (own.t1_ms - white.t1_ms),
            t2_ms=white.t2_ms + _CONTRAST * (own.t2_ms - white.t2_ms),
        )
    return table


def altered_tissue(field_t: float, rng: np.random.Generator, spread: float) -> dict[str, Relaxation]:
    """Draw all altered tissues at a field strength; values vary by a relative standard deviation of `spread`."""
    weight = float(np.clip((field_t - 1.5) / 1.5, 0, 1))
    table = {}
    for name, (pd, t1_low, t1_high, t2_low, t2_high, agent) in _TABLE.items():
        own = np.exp(spread * rng.standard_normal(4))
        table[name] = Relaxation(
            pd=min(1.0, pd * float(own[0]) ** 0.4),
            t1_ms=(t1_low + weight * (t1_high - t1_low)) * float(own[1]),
            t2_ms=(t2_low + weight * (t2_high - t2_low)) * float(own[2]),
            agent_mm=agent * float(own[3]) ** 2,
        )
    return table


def relaxivity(field_t: float) -> float:
    """Of the contrast agent at a field strength, in L/(mmol·s)."""
    return float(np.interp(field_t, (1.5, 3.0), _RELAXIVITY))


@dataclass(frozen=True)
class Patch:
    """Altered tissue: the voxels `[k]` of a brain that it lies in, its share of their parenchyma, and what it is."""

    where: npt.NDArray[np.int64]
    share: Field
    tissue: Relaxation


@dataclass
class Pathology:
    """What a disease does to a brain.

    Attributes:
        patches: painted in this order, the later over the earlier.
        regions: name to share `[n]` of each voxel of the brain; they do not overlap.
        truth: what has been drawn.
    """

    patches: list[Patch] = field(default_factory=list)
    regions: dict[str, Field] = field(default_factory=dict)
    truth: dict[str, object] = field(default_factory=dict)

    def paint(self, maps: dict[str, Field]) -> None:
        """Paint the patches into maps `[n]` by the attributes of `Relaxation`, in place."""
        for patch in self.patches:
            for name, values in maps.items():
                values[patch.where] += patch.share * (getattr(patch.tissue, name) - values[patch.where])


def volume_ml(share: Field, brain: Brain) -> float:
    """Volume of a region of a brain from its share `[n]`."""
    return float(share.sum() * brain.lattice.voxel_ml)
