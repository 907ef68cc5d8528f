"""The six centers: who is scanned there, how, and with which kind of stroke.

From the papers' descriptions of the cohorts (Vargas-Ibarra et al.): numbers of subjects, modalities, grids, mean
volumes, proximal or distal clots, time since onset, and the shares of vendors and field strengths at JHU and FOCH.
Assumed, because the papers do not report them: the number of controls at MATAR, lesion volumes at FOCH, clot volumes at
ISLES and JHU, the mix of SWI and SWAN at JHU, and echo times, noise, spacings, tilts, orientations and ADC units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Range = tuple[float, float]
Phase = Literal["hyperacute", "acute", "early_subacute", "late_subacute"]
Kind = Literal["annotated", "control", "unannotated"]


@dataclass(frozen=True)
class Counts:
    """Subjects of a center: with lesion, without one (controls, stroke mimics), and never annotated."""

    annotated: int
    control: int = 0
    unannotated: int = 0

    @property
    def total(self) -> int:
        """All subjects."""
        return self.annotated + self.control + self.unannotated


@dataclass(frozen=True)
class GridRange:
    """Ranges of voxel grids: in-plane spacing, slice distance and number of slices.

    Each image has one of the matrices; with `matrix` None its field of view is cropped to the brain.
    """

    in_plane_mm: Range
    slice_mm: Range
    matrix: tuple[int, ...] | None = None
    slices: tuple[int, int] = (1, 1000)


@dataclass(frozen=True)
class Center:
    """One hospital: counts, modalities, annotation, strokes, scanners and grids.

    Attributes:
        small, full: numbers of subjects in the small and the full cohort.
        diffusion: modalities of the diffusion scan.
        susceptibility: alternative tuples of modalities, with their shares.
        lesion_masks: whether lesions are annotated.
        thrombus_masks: share of annotated subjects with a thrombus mask.
        lesion_ml, thrombus_ml: mean volumes.
        occlusion: where clots sit.
        phases: time since onset, with shares.
        vendors: of scanners, with shares.
        fields_t: field strengths in tesla, with shares.
        adc_units: what ADC is divided by (in 1e-3 mm²/s) before writing, with shares.
        orientation: voxel axis codes of the stored images.
    """

    name: str
    small: Counts
    full: Counts
    diffusion: tuple[str, ...]
    susceptibility: tuple[tuple[tuple[str, ...], float], ...]
    lesion_masks: bool
    thrombus_masks: float
    lesion_ml: float
    thrombus_ml: float
    occlusion: Literal["proximal", "distal", "any"]
    phases: tuple[tuple[Phase, float], ...]
    vendors: tuple[tuple[str, float], ...]
    fields_t: tuple[tuple[float, float], ...]
    te_ms: Range
    tr_ms: Range
    b_values: tuple[tuple[float, float], ...]
    snr: Range
    adc_units: tuple[tuple[str, float], ...]
    orientation: str
    tilt_deg: Range
    small_grids: tuple[GridRange, GridRange]
    full_grids: tuple[GridRange, GridRange]


STEP_MM = {"small": 1.7, "full": 1.0}  # of the grid on which brains are built, by the size of the images
ADC_UNIT = {"1e-3 mm2/s": 1.0, "mm2/s": 1e-3, "1e-6 mm2/s": 1e3}

_SMALL_GE = (GridRange((2.3, 2.6), (4.5, 5.0)), GridRange((1.75, 1.95), (2.5, 3.0)))
_FULL_GE = (
    GridRange((0.90, 0.98), (3.8, 5.0), (256,), (24, 40)),
    GridRange((0.43, 0.50), (0.8, 2.0), (512,), (72, 232)),
)
_GE_SWAN = ((("SWAN", "PHASE"), 1.0),)

CENTERS: dict[str, Center] = {
    center.name: center
    for center in (
        Center(
            name="CHSF",
            small=Counts(9),
            full=Counts(65),
            diffusion=("ADC", "B0", "DWI"),
            susceptibility=_GE_SWAN,
            lesion_masks=True,
            thrombus_masks=1.0,
            lesion_ml=31.77,
            thrombus_ml=0.23,
            occlusion="proximal",
            phases=(("hyperacute", 1.0),),
            vendors=(("GE", 1.0),),
            fields_t=((3.0, 0.5), (1.5, 0.5)),
            te_ms=(70, 85),
            tr_ms=(4500, 6500),
            b_values=((1000, 1.0),),
            snr=(22, 32),
            adc_units=(("1e-6 mm2/s", 1.0),),
            orientation="RAS",
            tilt_deg=(-14, 4),
            small_grids=_SMALL_GE,
            full_grids=_FULL_GE,
        ),
        Center(
            name="MATAR",
            small=Counts(8, control=2),
            full=Counts(105, control=20),
            diffusion=("ADC", "B0", "DWI"),
            susceptibility=_GE_SWAN,
            lesion_masks=True,
            thrombus_masks=1.0,
            lesion_ml=5.01,
            thrombus_ml=0.08,
            occlusion="distal",
            phases=(("hyperacute", 1.0),),
            vendors=(("GE", 1.0),),
            fields_t=((1.5, 0.7), (3.0, 0.3)),
            te_ms=(72, 90),
            tr_ms=(5000, 7000),
            b_values=((1000, 1.0),),
            snr=(18, 28),
            adc_units=(("1e-6 mm2/s", 1.0),),
            orientation="LPS",
            tilt_deg=(-12, 6),
            small_grids=_SMALL_GE,
            full_grids=_FULL_GE,
        ),
        Center(
            name="MATAR2",
            small=Counts(9, unannotated=1),
            full=Counts(156, unannotated=125),
            diffusion=("ADC", "B0", "DWI"),
            susceptibility=_GE_SWAN,
            lesion_masks=True,
            thrombus_masks=1.0,
            lesion_ml=6.0,
            thrombus_ml=0.09,
            occlusion="distal",
            phases=(("hyperacute", 1.0),),
            vendors=(("GE", 1.0),),
            fields_t=((3.0, 0.7), (1.5, 0.3)),
            te_ms=(68, 82),
            tr_ms=(5000, 7500),
            b_values=((1000, 1.0),),
            snr=(20, 32),
            adc_units=(("1e-6 mm2/s", 1.0),),
            orientation="RAS",
            tilt_deg=(-18, 2),
            small_grids=(GridRange((2.2, 2.5), (4.0, 4.5)), _SMALL_GE[1]),
            full_grids=_FULL_GE,
        ),
        Center(
            name="ISLES",
            small=Counts(10),
            full=Counts(250),
            diffusion=("ADC", "DWI"),
            susceptibility=(((), 1.0),),
            lesion_masks=True,
            thrombus_masks=0.0,
            lesion_ml=23.0,
            thrombus_ml=0.15,
            occlusion="any",
            phases=(("acute", 0.4), ("early_subacute", 0.4), ("late_subacute", 0.2)),
            vendors=(("Philips", 0.5), ("Siemens", 0.4), ("GE", 0.1)),
            fields_t=((3.0, 0.7), (1.5, 0.3)),
            te_ms=(55, 95),
            tr_ms=(3200, 8000),
            b_values=((1000, 1.0),),
            snr=(12, 24),
            adc_units=(("1e-3 mm2/s", 0.65), ("mm2/s", 0.35)),
            orientation="LAS",
            tilt_deg=(-16, 4),
            small_grids=(GridRange((2.3, 2.6), (3.8, 5.0)), _SMALL_GE[1]),
            full_grids=(GridRange((0.9, 2.0), (2.0, 4.5), (112, 128, 192, 256), (30, 74)), _FULL_GE[1]),
        ),
        Center(
            name="JHU",
            small=Counts(10, control=2),
            full=Counts(1877, control=1011),
            diffusion=("ADC", "B0", "DWI"),
            susceptibility=((("SWI",), 0.92), (("SWAN",), 0.08)),
            lesion_masks=True,
            thrombus_masks=0.0,
            lesion_ml=23.0,
            thrombus_ml=0.15,
            occlusion="any",
            phases=(("acute", 1.0),),
            vendors=(("Siemens", 0.92), ("Philips", 0.07), ("GE", 0.01)),
            fields_t=((1.5, 0.61), (3.0, 0.39)),
            te_ms=(80, 105),
            tr_ms=(5500, 9000),
            b_values=((1000, 1.0),),
            snr=(12, 26),
            adc_units=(("1e-6 mm2/s", 0.8), ("1e-3 mm2/s", 0.2)),
            orientation="LPS",
            tilt_deg=(-18, 6),
            small_grids=(GridRange((2.2, 2.8), (4.5, 5.5)), GridRange((1.75, 2.0), (2.6, 3.0))),
            full_grids=(
                GridRange((0.75, 1.8), (1.8, 6.0), (128, 192, 256, 384), (21, 81)),
                GridRange((0.6, 0.95), (1.2, 3.0), (256, 320), (48, 120)),
            ),
        ),
        Center(
            name="FOCH",
            small=Counts(3, unannotated=3),
            full=Counts(43, unannotated=44),
            diffusion=("B0", "DWI"),
            susceptibility=((("SWAN",), 0.72), (("SWI",), 0.28)),
            lesion_masks=False,
            thrombus_masks=1.0,
            lesion_ml=25.0,
            thrombus_ml=0.31,
            occlusion="any",
            phases=(("hyperacute", 1.0),),
            vendors=(("GE", 0.44), ("Siemens", 0.40), ("Philips", 0.16)),
            fields_t=((1.5, 0.6), (3.0, 0.4)),
            te_ms=(65, 100),
            tr_ms=(4000, 8000),
            b_values=((1000, 0.9), (900, 0.1)),
            snr=(14, 28),
            adc_units=(("1e-6 mm2/s", 1.0),),
            orientation="LAS",
            tilt_deg=(-20, 8),
            small_grids=(GridRange((2.2, 3.0), (5.0, 6.0)), GridRange((1.75, 2.0), (2.5, 3.2))),
            full_grids=(
                GridRange((0.47, 1.8), (3.0, 6.0), (128, 256, 512), (20, 52)),
                GridRange((0.25, 0.95), (1.2, 5.0), (256, 512, 1024), (24, 130)),
            ),
        ),
    )
}
